"""Which limits hold at the edge: bytes, seconds and sockets."""

import msgspec

KIB = 1024
MIB = 1024 * KIB


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to listen, and what a client may do before the application is asked."""

    host: str = "127.0.0.1"
    port: int = 8000
    # Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed.
    trusted_proxies: tuple[str, ...] = ()

    # HTTP
    max_http_connections: int = 2048
    max_request_line_bytes: int = 8 * KIB
    max_header_bytes: int = 64 * KIB
    header_timeout_s: float = 10.0
    # The application's own limit is the message limit; the slack leaves it the better answer.
    max_body_bytes: int = 16 * MIB + 64 * KIB
    # Each such period must bring the rest of the body or body_min_bytes_per_s.
    body_timeout_s: float = 20.0
    body_min_bytes_per_s: int = 32 * KIB
    keep_alive_s: int = 5

    # WebSocket
    max_message_bytes: int = 16 * MIB
    max_fragments: int = 8192
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    compression: bool = False
    login_max_message_bytes: int = 8 * KIB
    login_timeout_s: float = 10.0
    max_unauthenticated: int = 200
    max_unauthenticated_per_address: int = 20
    max_waiting: int = 1000

    # Every socket
    max_request_bytes_held: int = 512 * MIB
    budget_wait_s: float = 20.0
    write_high_water_bytes: int = 256 * KIB
    # A client that takes less than send_min_bytes in this time while we have more is hung up on.
    send_timeout_s: float = 8.0
    send_min_bytes: int = 16 * KIB
    tcp_user_timeout_s: float = 15.0
    # After an error is told, so much is read and dropped, so long, that the client sees it.
    linger_bytes: int = 2 * MIB
    linger_s: float = 3.0

    # The end
    drain_timeout_s: float = 30.0
    shutdown_timeout_s: int = 10
    backlog: int = 2048
