"""Which trace does a request belong to? W3C Trace Context: its id stands in our log."""

from __future__ import annotations

import re

from starlette.requests import HTTPConnection

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?"
)


def trace_id_of(connection: HTTPConnection) -> str:
    """Read the trace's id from the header traceparent; empty where there is none, or no sound one.

    A WebSocket has the trace of its handshake.
    """
    found = _TRACEPARENT.fullmatch(connection.headers.get("traceparent", ""))
    return found[1] if found else ""
