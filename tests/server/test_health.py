"""A process is ready while it serves and its store answers; it lives until a part crashes."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httpx
from fakes import FakeClock
from starlette.applications import Starlette

from inference.stores import BlobNotFound
from protocol.errors import StorageUnavailable
from server.health import FRESH_S, Health
from server.parts import Parts


class UnexpectedError(Exception):
    """Nobody expected it."""


class Shelf:
    """A store of which readiness only uses `touch`."""

    def __init__(self) -> None:
        self.is_down = False
        self.asked = 0

    async def touch(self, key: str) -> None:
        self.asked += 1
        if self.is_down:
            raise StorageUnavailable("down")
        raise BlobNotFound(key)


class Bench:
    """Health over a store and a clock of the test's own."""

    def __init__(self) -> None:
        self.shelf, self.clock, self.is_serving = Shelf(), FakeClock(), True
        self.parts = Parts()
        self.health = Health(
            cast("Any", self.shelf), self.parts, lambda: self.is_serving, self.clock
        )

    async def is_ready(self) -> bool:
        """Ask after the last answer is stale."""
        self.clock.now += FRESH_S
        return await self.health.is_ready()


async def test_process_that_serves_with_a_store_that_answers_is_ready() -> None:
    assert await Bench().is_ready()


async def test_process_that_does_not_serve_is_not() -> None:
    bench = Bench()
    bench.is_serving = False
    assert not await bench.is_ready()


async def test_store_that_is_down_is_told_and_so_is_its_return() -> None:
    bench = Bench()
    bench.shelf.is_down = True
    assert not await bench.is_ready()
    bench.shelf.is_down = False
    assert await bench.is_ready()


async def test_who_asks_often_does_not_ask_the_store_often() -> None:
    bench = Bench()
    for _ in range(10):
        await bench.health.is_ready()
    assert bench.shelf.asked == 1


async def test_process_whose_part_crashed_lives_no_more_and_is_not_ready() -> None:
    async def crash() -> None:
        raise UnexpectedError

    bench = Bench()
    served = httpx.ASGITransport(Starlette(routes=bench.health.table()))
    async with httpx.AsyncClient(transport=served, base_url="http://here") as http:
        assert (await http.get("/health/live")).status_code == 200
        await asyncio.wait({bench.parts.start(crash(), "a part")})
        assert (await http.get("/health/live")).status_code == 503
    assert not await bench.is_ready()


async def test_part_that_is_cancelled_has_not_crashed() -> None:
    bench = Bench()
    part = bench.parts.start(asyncio.Event().wait(), "a part")
    part.cancel()
    await asyncio.wait({part})
    assert bench.parts.are_whole
