"""Which limits hold at the edge: bytes, seconds and sockets."""

import contextlib
import ipaddress
import re
from typing import Annotated

import msgspec

from inference.quantities import Bytes, BytesOrNone, Count, CountOrNone, Seconds, SecondsOrNone

KIB = 1024
MIB = 1024 * KIB

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s]+")


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to listen, and what a client may do before the application is asked."""

    host: str = "127.0.0.1"
    """Address to listen on, or a name that leads to some; 0.0.0.0, :: or empty: all of them."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8000
    """0 takes a free one."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed."""

    max_http_connections: Count = 2048
    """Connections over HTTP at once, of all clients; further ones are answered 503."""
    max_request_line_bytes: Bytes = 8 * KIB
    """A longer URL is answered 414."""
    max_header_bytes: Bytes = 64 * KIB
    """All headers of a request together; more are answered 431."""
    header_timeout_s: Seconds = 10.0
    """From the first byte, or the socket's opening, to the end of the headers."""
    max_body_bytes: Bytes = 16 * MIB + 64 * KIB
    """Slightly more than the application's own limit, whose answer is the better one."""
    body_timeout_s: Seconds = 20.0
    """Each such period must bring the rest of the body, or body_min_bytes_per_s."""
    body_min_bytes_per_s: BytesOrNone = 32 * KIB
    """How fast a body must come at least, as an average of body_timeout_s."""
    keep_alive_s: CountOrNone = 5
    """How long a connection may stay open after an answer without a further request."""

    allowed_origins: tuple[str, ...] = ()
    """Web pages of these origins ("https://shop.example") may connect, and clients that are no web
    pages; empty: pages of any. Keys are never in cookies, so no page can use its visitor's."""
    max_message_bytes: Bytes = 16 * MIB
    """Of one WebSocket message after login; a longer one closes the socket with 1009."""
    max_fragments: Count = 8192
    """Of one WebSocket message."""
    ping_interval_s: Seconds = 20.0
    """How often a WebSocket is pinged."""
    ping_timeout_s: Seconds = 20.0
    """How long its pong may take; then it is closed."""
    compression: bool = False
    """permessage-deflate: costs 38 KB a socket and many times the CPU of the rest."""
    login_max_message_bytes: Bytes = 8 * KIB
    """Of one message before login."""
    login_timeout_s: Seconds = 10.0
    """How long a WebSocket may be open, or wait to be accepted, without a login."""
    max_unauthenticated: Count = 200
    """Sockets before login; further ones wait to be accepted."""
    max_unauthenticated_per_address: Count = 20
    """The same, of one address; IPv6 addresses of one /64 count as one."""
    max_waiting: CountOrNone = 1000
    """Sockets that wait to be accepted; further ones are answered 503."""

    max_request_bytes_held: Bytes = 512 * MIB
    """Bytes of requests in memory, of all sockets; beyond it none is read until some are freed."""
    budget_wait_s: Seconds = 20.0
    """How long a request may wait for that room."""
    write_high_water_bytes: Bytes = 256 * KIB
    """Bytes of replies that wait in a socket's buffer before its next one is made."""
    send_timeout_s: Seconds = 8.0
    """A client that takes less than send_min_bytes in this time, while we have more, is dropped."""
    send_min_bytes: BytesOrNone = 16 * KIB
    """See send_timeout_s."""
    tcp_user_timeout_s: Annotated[float, msgspec.Meta(ge=0, le=24 * 3600)] = 15.0
    """How long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT); 0: as the system has it."""
    linger_bytes: BytesOrNone = 2 * MIB
    """After an error, so much beyond the body's limit is read and dropped, within linger_s, that a
    client that sends before it reads sees the error."""
    linger_s: Seconds = 3.0
    """See linger_bytes; also how long a client may take to answer the closing of its WebSocket."""

    drain_timeout_s: SecondsOrNone = 30.0
    """How long SIGTERM lets running tasks finish."""
    shutdown_timeout_s: Count = 10
    """How long connections may take to close after that."""
    backlog: Count = 2048
    """Connections that the system holds until they are accepted."""

    def __post_init__(self) -> None:
        for proxy in self.trusted_proxies:
            if self.trusted_proxies != ("*",) and not _is_network(proxy):
                raise ValueError(
                    f"trusted_proxies names '{proxy}'; allowed: an IP address, a network such as "
                    "10.0.0.0/8, or * alone for any"
                )
        for origin in self.allowed_origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"allowed_origins names '{origin}'; allowed: what browsers send, such as "
                    "https://shop.example or http://localhost:3000, without a path"
                )


def _is_network(text: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_network(text)
        return True
    return False
