"""A process is ready while it serves and its store answers, and again when that is so again."""

from __future__ import annotations

from fakes import FakeClock

from inference.stores import BlobNotFound
from protocol.errors import StorageUnavailable
from server.readiness import FRESH_S, Readiness


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
    """Readiness over a store and a clock of the test's own."""

    def __init__(self) -> None:
        self.shelf, self.clock, self.is_serving = Shelf(), FakeClock(), True
        self.readiness = Readiness(self.shelf, lambda: self.is_serving, self.clock)

    async def is_ready(self) -> bool:
        """Ask after the last answer is stale."""
        self.clock.now += FRESH_S
        return await self.readiness.is_ready()


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
        await bench.readiness.is_ready()
    assert bench.shelf.asked == 1
