"""A session moves to another socket, whatever has become of the one that had it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, cast

from starlette.websockets import WebSocket

from inference.engine import Result
from inference.latch import Latch
from server.auth import KeyRing, WrongKeys, stored_key
from server.connection import Connection
from server.dispatcher import Dispatcher
from server.limits import SocketLimits
from server.metrics import Metrics
from server.rates import RateLimiter
from server.reception import Reception
from server.session_registry import SessionRegistry

KEY = "key"


class Silent:
    """A dispatcher that has no results."""

    delivered = None

    async def results(self, stream: str, after: int) -> AsyncGenerator[Result]:
        await asyncio.Event().wait()
        yield cast("Result", None)

    def confirm(self, stream: str, upto: int) -> None:
        """Nothing was sent."""


class Socket:
    """A client that logs in, and stays until it is let go."""

    def __init__(self, session: str = "") -> None:
        login = {"taskType": "authentication", "apiKey": KEY}
        login |= {"connectionSessionUUID": session} if session else {}
        self._events = [{"type": "websocket.receive", "text": json.dumps([login])}]
        self.headers: dict[str, str] = {}
        self.writable = Latch()
        self.writable.set()
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.is_closing = asyncio.Event()
        self.may_leave = asyncio.Event()

    async def accept(self) -> None:
        """Be open."""

    async def close(self, code: int, reason: str) -> None:
        self.is_closing.set()
        await self.writable.wait()  # as the edge does behind what was not taken yet
        self.may_leave.set()

    async def receive(self) -> dict[str, Any]:
        if self._events:
            return self._events.pop()
        await self.may_leave.wait()
        return {"type": "websocket.disconnect"}

    def authenticated(self) -> None:
        """Have no limits."""

    def take_text(self) -> str | None:
        return None

    def send(self, parts: Sequence[bytes]) -> int:
        self.sent.put_nowait(json.loads(b"".join(parts)))
        return sum(map(len, parts))

    def ping(self, on_pong: Callable[[], None]) -> None:
        """Never answer."""


async def test_session_moves_at_once_from_a_client_that_has_stopped_reading() -> None:
    sessions = SessionRegistry(
        resume_s=60, max_detached=9, max_attached=9, max_attached_per_tenant=9
    )
    reception = Reception(
        cast("Dispatcher", Silent()),
        sessions,
        KeyRing([stored_key(KEY, "acme")]),
        RateLimiter(0, 60, "requests"),
        WrongKeys(),
        SocketLimits(),
        Metrics(),
    )

    def serve(socket: Socket) -> asyncio.Task[None]:
        connection = Connection(
            cast("WebSocket", socket), reception, socket, base_url="http://here", address="there"
        )
        return asyncio.create_task(connection.serve())

    async with asyncio.timeout(10):
        stalled = Socket()
        first = serve(stalled)
        (login,) = (await stalled.sent.get())["data"]
        stalled.writable.clear()

        back = Socket(login["connectionSessionUUID"])
        second = serve(back)
        assert (await back.sent.get())["data"] == [login]
        await stalled.is_closing.wait()
        assert sessions.attached == 1

        stalled.writable.set()
        await first
        assert sessions.attached == 1
        back.may_leave.set()
        await second
    assert sessions.attached == 0
