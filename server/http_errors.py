"""A request that no route answers: both dialects find their error in the one body."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from protocol.edit_errors import error_object
from protocol.errors import CutwireError, InternalError, MethodNotAllowed, UnknownPath
from protocol.replies import error_reply


async def answer_http_error(_: Request, error: Exception) -> Response:
    """Answer an unknown path, or a method that a path does not take."""
    assert isinstance(error, HTTPException)
    allowed = (error.headers or {}).get("Allow")
    told: CutwireError = UnknownPath("There is nothing at this path.")
    if allowed:
        told = MethodNotAllowed(f"This path takes {allowed} only.")
    return _response(told, error.status_code, error.headers or {})


async def answer_defect(_: Request, __: Exception) -> Response:
    """Answer what failed by a defect of ours, which the server logs."""
    return _response(InternalError("The request failed unexpectedly."), 500, {})


def _response(told: CutwireError, status: int, headers: Mapping[str, str]) -> Response:
    request_id = str(uuid.uuid4())
    body = {
        "errors": [msgspec.Raw(error_reply(told).body)],
        "error": error_object(told, {}),
        "request_id": request_id,
    }
    return Response(
        msgspec.json.encode(body),
        status,
        headers={**headers, "X-Request-ID": request_id},
        media_type="application/json",
    )
