"""Tasks on files by a running service: one POST a picture, taken up again after a lost reply."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pybase64

from protocol.errors import CutwireError, ImageNotFound
from protocol.results import Detection
from protocol.tasks import PictureTask
from server.filework.local import Made
from server.filework.parameters import MASK
from server.filework.plan import Piece

TRIES = 8
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 20.0
PATIENCE_S = 150.0
LATER = {429, 502, 503, 504}


class RemoteWork:
    """Does tasks at a service."""

    def __init__(self, client: httpx.AsyncClient, api_key: str) -> None:
        self._client = client
        # For our own posts alone: results may lie at a store of somebody else's.
        self._headers = {"Authorization": f"Bearer {api_key}"}

    @classmethod
    @asynccontextmanager
    async def running(cls, url: str, api_key: str) -> AsyncIterator[RemoteWork]:
        """Hold connections to the service until the block ends.

        Raises:
            CutwireError: it cannot be reached.
        """
        time_out = httpx.Timeout(PATIENCE_S, connect=10)
        async with httpx.AsyncClient(
            base_url=url.rstrip("/"), timeout=time_out, trust_env=False
        ) as client:
            try:
                await client.get("/health/live")
            except (httpx.TransportError, httpx.UnsupportedProtocol, httpx.InvalidURL) as exc:
                raise CutwireError(
                    f"There is no service at {url}: {str(exc).rstrip('.')}."
                ) from exc
            yield cls(client, api_key)

    async def do(self, piece: Piece, task: PictureTask) -> Made:
        """Do one task.

        Raises:
            CutwireError: what the service answered, or that it cannot be reached.
        """
        task_uuid = str(uuid.uuid4())
        asked = msgspec.to_builtins(msgspec.structs.replace(task, task_uuid=task_uuid))
        asked |= {"inputImage": await _inline(piece.source, "inputImage"), "outputType": "URL"}
        if piece.mask is not None:
            asked[MASK] = await _inline(piece.mask, MASK)
        result = await self._ask(asked)
        url = result.get("imageURL") or result["maskImageURL"]
        detections = msgspec.convert(result.get("detections", []), list[Detection])
        return Made(await self._fetch(url), detections)

    async def _fetch(self, url: str) -> bytes:
        try:
            answer = await self._client.get(url)
        except httpx.TransportError as exc:
            raise CutwireError(f"The result's URL cannot be reached: {exc}.") from exc
        if answer.status_code != 200:
            raise CutwireError(f"The result's URL answered {answer.status_code}.")
        return answer.content

    async def _ask(self, task: dict[str, Any]) -> dict[str, Any]:
        """Send a task until it is answered; after a lost reply, ask what became of it."""
        poll = {"taskType": "getResponse", "taskUUID": task["taskUUID"]}
        body = task
        for count in range(TRIES):
            reply = await self._post(body)
            match reply:
                case {"data": [{"status": "processing"}]}:
                    body = poll
                case {"data": [result]}:
                    return dict(result)
                case {"errors": [{"code": "taskNotFound"}, *_]} if body is poll:
                    body = task
                case {"errors": [{"code": "conflictTaskUUID"}, *_]}:
                    body = poll
                case {"errors": [error, *_]}:
                    raise CutwireError(f"{error['code']}: {error['message']}")
                case _:  # lost on the way, or told to come later
                    body = poll if reply is None else body
            await asyncio.sleep(_pause(count))
        raise CutwireError(f"The service did not answer in {TRIES} tries.")

    async def _post(self, task: dict[str, Any]) -> Any:
        """Return the reply, {} where the service asks to come later, None where it was lost."""
        try:
            answer = await self._client.post(
                "/v1", content=msgspec.json.encode([task]), headers=self._headers
            )
        except httpx.TransportError:
            return None
        if answer.status_code in LATER:
            await asyncio.sleep(min(LONGEST_PAUSE_S, _seconds(answer.headers.get("Retry-After"))))
            return {}
        try:
            return msgspec.json.decode(answer.content)
        except msgspec.DecodeError as exc:
            raise CutwireError(
                f"There is no Cutwire at {self._client.base_url}: it answered {answer.status_code}."
            ) from exc


async def _inline(path: Path, parameter: str) -> str:
    try:
        data = await asyncio.to_thread(path.read_bytes)
    except OSError as exc:
        reason = exc.strerror or "it cannot be read"
        raise ImageNotFound(f"{parameter}: {reason}.", parameter=parameter) from exc
    return pybase64.b64encode(data).decode()


def _pause(count: int) -> float:
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**count) * random.uniform(0.75, 1.25)  # noqa: S311


def _seconds(header: str | None) -> float:
    return float(int(header)) if header and header.isdigit() else 0.0
