"""The demo's client: one socket, one array, each reply shown as it arrives."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from protocol.errors import CutwireError
from server.demo.pictures import Photo


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply: which photo, what was asked, when it came, and the picture itself."""

    photo: str
    wish: str
    seconds: float
    cost: float
    data: bytes


WISHES: dict[str, dict[str, Any]] = {
    "mask": {"taskType": "removeBackground", "settings": {"returnOnlyMask": True}},
    "cut-out": {"taskType": "removeBackground"},
    "crop": {"taskType": "imageForegroundCrop", "settings": {"padding": 24}},
    "product": {"taskType": "imageProductCutout"},
    "blur": {"taskType": "imageBackgroundBlur", "settings": {"scale": 5}},
    "masks": {"taskType": "imageMasking"},
    "erase": {"taskType": "imageErase", "settings": {"maskType": "automatic"}},
}
"""What is asked of each photo, in the order of the sheet's columns."""


def tasks_for(photo: Photo) -> dict[str, dict[str, Any]]:
    """Make a task of each kind for a photo; what is erased is an ellipse near its middle."""
    common = {
        "inputImage": _base64(photo.data),
        "outputType": "base64Data",
        "outputFormat": "PNG",
        "includeCost": True,
    }
    tasks = {wish: common | task | {"taskUUID": str(uuid.uuid4())} for wish, task in WISHES.items()}
    tasks["erase"]["maskImage"] = _base64(photo.hole)
    return tasks


async def run_tasks(base_url: str, key: str, photos: Sequence[Photo]) -> AsyncIterator[Answer]:
    """Send everything in one array and yield the replies in the order in which they are ready."""
    asked = {
        task["taskUUID"]: (photo.name, wish, task)
        for photo in photos
        for wish, task in tasks_for(photo).items()
    }
    address = f"ws{base_url.removeprefix('http')}/v1"
    async with connect(address, max_size=None, compression=None, proxy=None) as socket:
        await _log_in(socket, key)
        begun = time.monotonic()
        await socket.send(json.dumps([task for _, _, task in asked.values()]))
        while asked:
            reply = json.loads(await socket.recv())
            for error in reply.get("errors", []):
                raise CutwireError(f"The service answered {error['code']}: {error['message']}")
            for result in reply["data"]:
                photo, wish, _ = asked.pop(result["taskUUID"])
                yield Answer(
                    photo,
                    wish,
                    time.monotonic() - begun,
                    result["cost"],
                    base64.b64decode(
                        result.get("imageBase64Data") or result["maskImageBase64Data"]
                    ),
                )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def _log_in(socket: ClientConnection, key: str) -> None:
    await socket.send(json.dumps([{"taskType": "authentication", "apiKey": key}]))
    reply = json.loads(await socket.recv())
    if "errors" in reply:
        raise CutwireError(reply["errors"][0]["message"])
