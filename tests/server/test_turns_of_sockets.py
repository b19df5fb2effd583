"""What a client sent in one go: admitted together, up to a length, then it is others' turn."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, cast

import pytest
from starlette.websockets import WebSocket

from inference.engine import Result
from inference.latch import Latch
from protocol.replies import Reply
from protocol.tasks import Task
from server.auth import KeyRing, WrongKeys, stored_key
from server.connection import TURN_CHARS, Connection
from server.dispatcher import Dispatcher
from server.limits import SocketLimits
from server.metrics import Metrics
from server.rates import RateLimiter
from server.reception import Reception
from server.session_registry import SessionRegistry

KEY = "key"


class Counting:
    """A dispatcher that notes how many tasks came together, and does none."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.delivered = None

    async def submit_array(self, _: object, tasks: Sequence[Task]) -> list[Reply | None]:
        self.counts.append(len(tasks))
        return [None for _ in tasks]

    async def results(self, stream: str, after: int) -> AsyncGenerator[Result]:
        await asyncio.Event().wait()
        yield cast("Result", None)

    def confirm(self, stream: str, upto: int) -> None:
        """Nothing was sent."""


class Prepared:
    """A socket and its edge: a login, then texts that have all come already, then the end."""

    def __init__(self, texts: Sequence[str]) -> None:
        login = json.dumps([{"taskType": "authentication", "apiKey": KEY}])
        self._events: list[dict[str, Any]] = [
            {"type": "websocket.receive", "text": login},
            {"type": "websocket.receive", "text": texts[0]},
        ]
        self._texts = list(texts[1:])
        self.headers: dict[str, str] = {}
        self.writable = Latch()
        self.writable.set()

    async def accept(self) -> None:
        """Be open."""

    async def close(self, code: int, reason: str) -> None:
        """Be closed."""

    async def receive(self) -> dict[str, Any]:
        return self._events.pop(0) if self._events else {"type": "websocket.disconnect"}

    def authenticated(self) -> None:
        """Have no limits."""

    def take_text(self) -> str | None:
        if self._events:
            return None  # the first one is received
        return self._texts.pop(0) if self._texts else None

    def send(self, parts: Sequence[bytes]) -> int:
        return sum(map(len, parts))

    def ping(self, on_pong: Callable[[], None]) -> None:
        """Never answer."""


def upload(chars: int) -> str:
    """Write a message of one task, so many characters long."""
    task = {"taskType": "imageUpload", "taskUUID": str(uuid.uuid4()), "image": ""}
    task["image"] = "A" * (chars - len(json.dumps([task])))
    return json.dumps([task])


@pytest.mark.parametrize(
    ("lengths", "together"),
    [
        ([100_000, 100_000, 50_000], [3]),
        ([TURN_CHARS, 1_000, 1_000], [1, 2]),
        ([TURN_CHARS - 1_000, 1_000, 1_000, 1_000], [2, 2]),
    ],
)
async def test_messages_are_admitted_together_up_to_a_length(
    lengths: list[int], together: list[int]
) -> None:
    dispatcher = Counting()
    reception = Reception(
        cast("Dispatcher", dispatcher),
        SessionRegistry(resume_s=60, max_detached=9, max_attached=9, max_attached_per_tenant=9),
        KeyRing([stored_key(KEY, "acme")]),
        RateLimiter(0, 60, "requests"),
        WrongKeys(),
        SocketLimits(),
        Metrics(),
    )
    socket = Prepared([upload(length) for length in lengths])
    connection = Connection(
        cast("WebSocket", socket), reception, socket, base_url="http://here", address="there"
    )
    async with asyncio.timeout(30):
        await connection.serve()

    assert dispatcher.counts == together
