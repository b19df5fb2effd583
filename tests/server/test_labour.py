"""A service whose worker has stopped is not ready: nobody would do what it took."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

from inference.stores import StoreSettings, open_store
from server.labour import Labour
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
    """Tells when it is no longer ready."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()
        self._is_ready = False

    @property
    def is_ready(self) -> bool:
        return self._is_ready

    @is_ready.setter
    def is_ready(self, is_ready: bool) -> None:
        self._is_ready = is_ready
        if not is_ready:
            self.stopped.set()


async def test_service_whose_worker_stopped_is_not_ready(tmp_path: Path) -> None:
    engine, routes = BrokenEngine(), Routes()
    parts: tuple[Any, ...] = (
        Settings(),
        open_store(StoreSettings(), tmp_path),
        engine,
        IdleMachine(),
    )
    async with Labour(*parts).running(cast("Any", routes), cast("Any", None)):
        assert routes.is_ready
        engine.gate.set()
        async with asyncio.timeout(10):
            await routes.stopped.wait()
