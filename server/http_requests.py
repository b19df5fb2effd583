"""What every HTTP edge needs of a request: its body within a limit, its address, its end."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, HTTPConnection, Request

from protocol.errors import InvalidRequest, MessageTooLarge


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """Read the whole body.

    Raises:
        InvalidRequest: it is encoded, or ended early.
        MessageTooLarge: it is larger than the limit.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise InvalidRequest("Send the body without Content-Encoding.")
    parts, size = [], 0
    try:
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > limit_bytes:
                raise MessageTooLarge(f"The body is larger than {limit_bytes:,} bytes.")
    except ClientDisconnect as exc:
        raise InvalidRequest("The body ended early.") from exc
    return b"".join(parts)


async def client_left(request: Request) -> None:
    """Return once the client has hung up; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def address_of(connection: HTTPConnection) -> str:
    """Tell from which address a client calls."""
    return connection.client.host if connection.client else ""
