"""Which limits hold at the edge: bytes, seconds and sockets."""

from typing import Annotated

import msgspec

KIB = 1024
MIB = 1024 * KIB


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to listen, and what a client may do before the application is asked."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8000
    """0 takes a free one."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed."""

    max_http_connections: int = 2048
    max_request_line_bytes: int = 8 * KIB
    max_header_bytes: int = 64 * KIB
    header_timeout_s: float = 10.0
    """From the first byte, or the socket's opening, to the end of the headers."""
    max_body_bytes: int = 16 * MIB + 64 * KIB
    """Slightly more than the application's own limit, whose answer is the better one."""
    body_timeout_s: float = 20.0
    """Each such period must bring the rest of the body, or body_min_bytes_per_s."""
    body_min_bytes_per_s: int = 32 * KIB
    keep_alive_s: int = 5

    allowed_origins: tuple[str, ...] = ()
    """Web pages of these origins ("https://shop.example") may connect, and clients that are no web
    pages; empty: pages of any. Keys are never in cookies, so no page can use its visitor's."""
    max_message_bytes: int = 16 * MIB
    """Of one WebSocket message after login; a longer one closes the socket with 1009."""
    max_fragments: int = 8192
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    compression: bool = False
    """permessage-deflate: costs 38 KB a socket and many times the CPU of the rest."""
    login_max_message_bytes: int = 8 * KIB
    """Of one message before login."""
    login_timeout_s: float = 10.0
    max_unauthenticated: int = 200
    """Sockets before login; further ones wait to be accepted."""
    max_unauthenticated_per_address: int = 20
    max_waiting: int = 1000
    """Sockets that wait to be accepted; further ones are answered 503."""

    max_request_bytes_held: int = 512 * MIB
    """Bytes of requests in memory, of all sockets; beyond it none is read until some are freed."""
    budget_wait_s: float = 20.0
    """How long a request may wait for that room."""
    write_high_water_bytes: int = 256 * KIB
    """Bytes of replies that wait in a socket's buffer before its next one is made."""
    send_timeout_s: float = 8.0
    """A client that takes less than send_min_bytes in this time, while we have more, is dropped."""
    send_min_bytes: int = 16 * KIB
    tcp_user_timeout_s: float = 15.0
    """How long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT)."""
    linger_bytes: int = 2 * MIB
    """After an error, so much beyond the body's limit is read and dropped, within linger_s, that a
    client that sends before it reads sees the error."""
    linger_s: float = 3.0

    drain_timeout_s: float = 30.0
    """How long SIGTERM lets running tasks finish."""
    shutdown_timeout_s: int = 10
    """How long connections may take to close after that."""
    backlog: int = 2048
