"""Drives the official Python SDK against a service; prints one JSON object: what it saw.

Run as a program of its own: python_client.py WS_URL KEY PICTURE_FILE
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import urllib.request
import uuid
from collections.abc import Awaitable
from typing import Any

from integration.pictures import opened, scene_uri
from runware import IImageBackgroundRemoval, Runware, RunwareAPIError

MODEL = "runware:109@1"
WAIT_S = 60
SIZES = [(90 + 10 * number, 60 + 5 * number) for number in range(8)]


async def main(url: str, key: str, path: str) -> None:
    """Do what applications do, and print what came of it."""
    client = await _connect(url, key)
    told = {
        "is_authenticated": client.isAuthenticated(),
        "wrong key": (await _connect(url, "wrong")).isAuthenticated(),
        **await _give_pictures(client, path),
        **await _set_parameters(client),
        **await _send_twice(client),
        "after a drop": await _drop(client),
    }
    await client.disconnect()
    sys.stdout.write(json.dumps(told))


async def _connect(url: str, key: str) -> Runware:
    client = Runware(api_key=key, url=url, log_level=logging.CRITICAL, timeout=WAIT_S * 1000)
    await client.connect()
    return client


async def _give_pictures(client: Runware, path: str) -> dict[str, Any]:
    uploaded = await asyncio.wait_for(client.uploadImage(path), WAIT_S)
    eight = [_remove(client, scene_uri(*size)) for size in SIZES]
    return {
        "upload": _seen(uploaded),
        "path": _seen(await _remove(client, path)),
        "upload as input": _seen(await _remove(client, uploaded.imageUUID)),
        "eight": [_seen(result)["size"] for result in await asyncio.gather(*eight)],
    }


async def _set_parameters(client: Runware) -> dict[str, Any]:
    settings = {"returnOnlyMask": True, "alphaMatting": False}
    return {
        "settings": _seen(await _remove(client, settings=settings, outputFormat="PNG")),
        "cost": (await _remove(client, includeCost=True)).cost,
        "error": await _refusal(_remove(client, outputQuality=5)),
    }


async def _send_twice(client: Runware) -> dict[str, Any]:
    task_uuid = str(uuid.uuid4())
    first = await _remove(client, taskUUID=task_uuid)
    conflict = await _refusal(_remove(client, taskUUID=task_uuid))
    (polled,) = await asyncio.wait_for(client.getResponse(task_uuid), WAIT_S)
    return {"conflict": conflict, "polled": polled.imageUUID == first.imageUUID}


async def _drop(client: Runware) -> dict[str, Any]:
    """Lose the connection as soon as a task was sent."""
    running = asyncio.create_task(
        _remove(client, scene_uri(700, 500), settings={"alphaMatting": True})
    )
    while not _has_sent(client):  # noqa: ASYNC110 - the SDK tells nobody
        await asyncio.sleep(0)
    client._ws.transport.abort()  # noqa: SLF001 - nothing public loses a connection
    return _seen(await running)


def _has_sent(client: Runware) -> bool:
    pending = client._pending_operations.values()  # noqa: SLF001 - nothing public tells
    return any(operation["state"].name == "SENT" for operation in pending)


async def _remove(client: Runware, image: str = "", **options: Any) -> Any:
    task = IImageBackgroundRemoval(inputImage=image or scene_uri(), model=MODEL, **options)
    (result,) = await asyncio.wait_for(client.imageBackgroundRemoval(task), WAIT_S)
    return result


async def _refusal(attempt: Awaitable[Any]) -> dict[str, Any]:
    try:
        await attempt
    except RunwareAPIError as error:
        return dict(error.error_data)
    return {}


def _seen(result: Any) -> dict[str, Any]:
    """Describe the picture that a result points to."""
    with urllib.request.urlopen(result.imageURL, timeout=WAIT_S) as answer:
        picture = opened(answer.read())
    return {"format": picture.format, "size": picture.size, "mode": picture.mode}


if __name__ == "__main__":
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    asyncio.run(main(*sys.argv[1:]))
