"""A service whose worker has crashed is whole no more: nobody would do what it took."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, cast

from inference.stores import StoreSettings, open_store
from server.labour import Labour
from server.parts import Parts
from server.settings import Settings


class UnexpectedError(Exception):
    """Nobody expected it."""


class BrokenEngine:
    """An engine whose jobs cannot be pulled, once the gate opens."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def open(self) -> None:
        pass

    async def close(self, drain_s: float) -> None:
        pass

    async def work(self, _: str) -> AsyncIterator[None]:
        await self.gate.wait()
        raise UnexpectedError
        yield


class IdleMachine:
    @contextlib.asynccontextmanager
    async def running(self, *_: object) -> AsyncIterator[None]:
        yield


class Routes:
    is_ready = False


class KeptParts(Parts):
    """Keeps what it started last."""

    started: asyncio.Task[None]

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        self.started = super().start(work, name)
        return self.started


async def test_service_whose_worker_crashed_is_not_whole(tmp_path: Path) -> None:
    engine, routes, parts = BrokenEngine(), Routes(), KeptParts()
    given: tuple[Any, ...] = (
        Settings(),
        open_store(StoreSettings(), tmp_path),
        engine,
        IdleMachine(),
    )
    async with Labour(*given).running(cast("Any", routes), cast("Any", None), parts):
        assert routes.is_ready
        assert parts.are_whole
        engine.gate.set()
        await asyncio.wait({parts.started})
        assert not parts.are_whole
