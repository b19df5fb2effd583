"""Where the service listens: sockets with their options, and the URL they make."""

import contextlib
import ipaddress
import socket
import sys

from server.edge.settings import EdgeSettings

with contextlib.suppress(ImportError):
    import resource


def open_sockets(settings: EdgeSettings) -> list[socket.socket]:
    """Bind every address of the host; port 0 takes a free port, the same for all."""
    port = settings.port
    opened: list[socket.socket] = []
    found = socket.getaddrinfo(
        settings.host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            opened.append(_bind(family, (address[0], port, *address[2:]), settings))
            port = opened[0].getsockname()[1]
    except OSError:
        close_sockets(opened)
        raise
    return opened


def _bind(family: int, address: tuple[str | int, ...], settings: EdgeSettings) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two processes share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if sys.platform == "linux":  # accepted sockets inherit it
            limit_ms = round(settings.tcp_user_timeout_s * 1000)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def close_sockets(sockets: list[socket.socket]) -> None:
    """Close them all."""
    for sock in sockets:
        sock.close()


def base_url(sock: socket.socket) -> str:
    """Build the URL a client on this machine can use, without a slash at the end."""
    host, port = sock.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv6Address):
        return f"http://[{'::1' if address.is_unspecified else address}]:{port}"
    return f"http://{'127.0.0.1' if address.is_unspecified else address}:{port}"


def raise_file_limit() -> None:
    """Allow as many open sockets as the system lets us: the usual soft limit is 1024."""
    if sys.platform == "win32":
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses "unlimited"
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
