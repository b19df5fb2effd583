"""Requests to the edit endpoints as clients write them, and a caller that checks the envelope."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
from integration.client import PATIENCE_S
from integration.pictures import base64_of, encoded, scene
from integration.service import KEY, Service
from PIL import Image, ImageDraw

CROP = "/crop_foreground"
BLUR = "/blur_background"
ERASE = "/erase"
CUTOUT = "/product/cutout"
MASKS = "/objects/mask_generator"
V2 = "/v2/image/edit"
ALL_MASKS = "/v2/image/segment/all_masks"


def picture(width: int = 96, height: int = 72) -> str:
    """The blob in base64."""
    return base64_of(encoded(scene(width, height)))


def mask(width: int = 96, height: int = 72) -> str:
    """White in a corner."""
    drawn = Image.new("L", (width, height))
    ImageDraw.Draw(drawn).rectangle((0, 0, width // 6, height // 6), fill=255)
    return base64_of(encoded(drawn))


def body_for(path: str, **members: Any) -> dict[str, Any]:
    """The least that an endpoint takes."""
    if path in (MASKS, f"/v1{MASKS}", CUTOUT, f"/v1{CUTOUT}"):
        return {"file": picture()} | members
    least = {"image": picture()}
    return least | ({"mask": mask()} if path.endswith(ERASE) else {}) | members


@dataclass(frozen=True, slots=True)
class Editor:
    """Somebody with an api_token."""

    service: Service
    http: httpx.AsyncClient
    token: str = KEY

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Send a request."""
        headers = {"api_token": self.token} | options.pop("headers", {})
        if body is not None:
            options["json"] = body
        return await self.http.post(self.service.url + path, headers=headers, **options)

    async def edit(self, path: str, **members: Any) -> httpx.Response:
        """Send the least that an endpoint takes, and more; wait for the result."""
        return await self.post(path, body_for(path) | {"sync": True} | members)

    async def submit(self, path: str, **members: Any) -> dict[str, Any]:
        """Send a request that is promised to be done."""
        answer = await self.post(path, body_for(path) | members)
        assert answer.status_code == 202, answer.text
        taken: dict[str, Any] = answer.json()
        return taken

    async def status(self, request_id: str, **headers: str) -> httpx.Response:
        """Ask how far a request has come."""
        url = f"{self.service.url}/v2/status/{request_id}"
        return await self.http.get(url, headers={"api_token": self.token} | headers)

    async def ended(self, request_id: str) -> dict[str, Any]:
        """Poll until a request is no longer in progress."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                state: dict[str, Any] = (await self.status(request_id)).json()
                if state["status"] != "IN_PROGRESS":
                    return state


def error_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The error object of an answer that must have this status and a sound envelope."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    error: dict[str, Any] = body["error"]
    assert {name: type(value) for name, value in error.items()} == {
        "code": int,
        "message": str,
        "details": str,
    }
    assert error["code"] == status
    assert error["message"]
    assert body["request_id"] == answer.headers["x-request-id"]
    return error
