"""The trace that a request belongs to."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from server.tracing import trace_id_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def asked(header: str | None) -> HTTPConnection:
    headers = [] if header is None else [(b"traceparent", header.encode())]
    return HTTPConnection({"type": "http", "headers": headers})


@pytest.mark.parametrize("version", ["00", "01", "cc"])
def test_trace_is_the_headers(version: str) -> None:
    more = "" if version == "00" else "-what-comes-later"
    assert trace_id_of(asked(f"{version}-{TRACE}-00f067aa0ba902b7-01{more}")) == TRACE


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7-01\n",
        f"00-{TRACE}-00f067aa0ba902b7-xx",
        "x" * 10_000,
    ],
)
def test_unsound_header_is_no_trace(header: str | None) -> None:
    assert trace_id_of(asked(header)) == ""
