"""A request that leads nowhere: both dialects find their error in the one body."""

from __future__ import annotations

import uuid

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from protocol.edit_errors import error_object
from protocol.errors import CutwireError, MethodNotAllowed, UnknownPath
from protocol.replies import error_reply


async def answer_http_error(_: Request, error: Exception) -> Response:
    """Answer an unknown path, or a method that a path does not take."""
    assert isinstance(error, HTTPException)
    allowed = (error.headers or {}).get("Allow")
    told: CutwireError = UnknownPath("There is nothing at this path.")
    if allowed:
        told = MethodNotAllowed(f"This path takes {allowed} only.")
    request_id = str(uuid.uuid4())
    body = {
        "errors": [msgspec.Raw(error_reply(told).body)],
        "error": error_object(told, {}),
        "request_id": request_id,
    }
    return Response(
        msgspec.json.encode(body),
        error.status_code,
        headers={**(error.headers or {}), "X-Request-ID": request_id},
        media_type="application/json",
    )
