"""A client of the task array: sends what a test wants to send, keeps every frame it got."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PATIENCE_S = 60.0
PING = {"taskType": "ping", "ping": True}
PONG = {"data": [{"taskType": "ping", "pong": True}]}
Frame = dict[str, Any]


class Client:
    """One WebSocket; frames are waited for, never slept for."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.texts: list[str] = []
        self.frames: list[Frame] = []
        self.session = ""
        self._taken = 0
        self._changed = asyncio.Condition()
        self._is_closed = False
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str, **options: Any) -> Client:
        """Connect; no login yet."""
        options = {"max_size": None, "compression": None, "proxy": None} | options
        return cls(await connect(url, open_timeout=PATIENCE_S, ping_interval=None, **options))

    async def login(self, key: str, session: str = "") -> Frame:
        """Log in; return the reply's element."""
        message = {"taskType": "authentication", "apiKey": key}
        if session:
            message["connectionSessionUUID"] = session
        await self.send(message)
        reply = await self.next()
        self.session = reply["data"][0]["connectionSessionUUID"]
        element: Frame = reply["data"][0]
        return element

    async def send(self, *tasks: Any) -> None:
        """Send one array."""
        await self.socket.send(json.dumps(tasks))

    async def next(self) -> Frame:
        """Return the next frame in the order of arrival."""
        await self._wait_until(lambda: len(self.frames) > self._taken)
        self._taken += 1
        return self.frames[self._taken - 1]

    async def take(self, count: int) -> list[Frame]:
        """Return the next frames."""
        return [await self.next() for _ in range(count)]

    async def run(self, task: Frame) -> Frame:
        """Send one task; return the element of `data` or `errors` that answers it."""
        await self.send(task)
        return (await self.replies(task["taskUUID"]))[0]

    async def replies(self, task_uuid: str, *, count: int = 1) -> list[Frame]:
        """Wait until so many elements about a task have come; return all there are."""
        await self._wait_until(lambda: len(self.about(task_uuid)) >= count)
        return self.about(task_uuid)

    async def pong(self) -> None:
        """Send a ping and wait for its pong: all that came before it has been taken in."""
        pongs = self.frames.count(PONG)
        await self.send(PING)
        await self._wait_until(lambda: self.frames.count(PONG) > pongs)

    def about(self, task_uuid: str) -> list[Frame]:
        """Every element so far that carries this taskUUID."""
        elements = [element for frame in self.frames for element in elements_of(frame)]
        return [element for element in elements if element.get("taskUUID") == task_uuid]

    async def closed(self) -> int:
        """Wait until the connection has ended; return its close code."""
        async with asyncio.timeout(PATIENCE_S):
            await self.socket.wait_closed()
        return self.socket.close_code or 0

    async def drop(self) -> None:
        """Lose the connection without a close frame."""
        self.socket.transport.abort()
        await self._reading

    async def leave(self) -> None:
        """Close the connection."""
        await self.socket.close()
        await self._reading

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket:
                await self._keep(str(text))
        async with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    async def _keep(self, text: str) -> None:
        async with self._changed:
            self.texts.append(text)
            self.frames.append(json.loads(text, parse_float=Decimal))
            self._changed.notify_all()

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: condition() or self._is_closed)
        if not condition():
            code, reason = self.socket.close_code, self.socket.close_reason
            raise ConnectionError(f"closed with {code} {reason}; frames so far: {self.texts[-3:]}")


def elements_of(frame: Frame) -> list[Frame]:
    """The elements of a frame, of `data` and of `errors`."""
    return [*frame.get("data", []), *frame.get("errors", [])]
