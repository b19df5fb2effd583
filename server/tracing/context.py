"""Which trace does a request belong to? W3C Trace Context."""

from __future__ import annotations

import re

from starlette.requests import HTTPConnection

_TRACEPARENT = re.compile(
    r"((?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-[!-~]*)?"
)


def traceparent_of(connection: HTTPConnection) -> str:
    """Read the header traceparent, without what later versions may add; empty: none that is sound.

    A WebSocket has the trace of its handshake.
    """
    found = _TRACEPARENT.fullmatch(connection.headers.get("traceparent", ""))
    return found[1] if found else ""
