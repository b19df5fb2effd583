"""What is answered where no route answers."""

from __future__ import annotations

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.http_errors import answer_defect


async def break_down(_: Request) -> Response:
    raise ZeroDivisionError("a secret")


async def test_defect_is_told_in_both_dialects_and_without_its_reason() -> None:
    app = Starlette(
        routes=[Route("/", break_down)],
        exception_handlers={500: answer_defect},
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/")
    assert answer.status_code == 500
    assert answer.json()["errors"][0]["code"] == "internalServerError"
    assert answer.json()["error"]["code"] == 500
    assert "secret" not in answer.text
