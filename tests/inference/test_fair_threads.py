"""Work on a few threads: tenants take turns, everyone gets an own outcome, however many at once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from inference.fair_threads import FairThreads

PATIENCE_S = 30


@pytest.fixture
def threads() -> FairThreads:
    """One thread."""
    return FairThreads(1, "test")


class Gate:
    """Keeps a thread busy until it is opened."""

    def __init__(self, threads: FairThreads) -> None:
        self._threads = threads
        self._begun, self._open = asyncio.Event(), threading.Event()

    async def close(self) -> None:
        loop = asyncio.get_running_loop()

        def wait() -> None:
            loop.call_soon_threadsafe(self._begun.set)
            self._open.wait(PATIENCE_S)

        self._waiting = asyncio.create_task(self._threads.run("gate", wait))
        await self._begun.wait()

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate(threads: FairThreads) -> Iterator[Gate]:
    gate = Gate(threads)
    yield gate
    gate.open()


async def begun(*works: Any) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(work) for work in works]
    await asyncio.sleep(0)
    return tasks


async def test_what_work_returns_comes_back(threads: FairThreads) -> None:
    assert await threads.run("a", lambda: 7) == 7


async def test_what_work_raises_comes_back(threads: FairThreads) -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.run("a", lambda: 1 // 0)


async def test_of_a_burst_everyone_gets_an_own_outcome(threads: FairThreads) -> None:
    def answer(number: int) -> Callable[[], int]:
        return lambda: 60 // number

    asked = (threads.run("a", answer(number)) for number in range(3))
    failed, *made = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(failed, ZeroDivisionError)
    assert made == [60, 30]


async def test_tenant_with_much_work_delays_another_by_one_piece(
    threads: FairThreads, gate: Gate
) -> None:
    order: list[str] = []
    await gate.close()
    flood = [threads.run("flood", lambda: order.append("flood")) for _ in range(3)]
    tasks = await begun(*flood, threads.run("other", lambda: order.append("other")))
    gate.open()
    await asyncio.gather(*tasks)
    assert order.index("other") <= 1


async def test_as_much_runs_at_once_as_there_are_threads() -> None:
    threads, meeting = FairThreads(2, "test"), threading.Barrier(2, timeout=PATIENCE_S)
    await asyncio.gather(*(threads.run("a", meeting.wait) for _ in range(6)))


async def test_work_that_nobody_waits_for_is_not_begun(threads: FairThreads, gate: Gate) -> None:
    begun_by: list[str] = []
    await gate.close()
    (dropped,) = await begun(threads.run("a", lambda: begun_by.append("a")))
    dropped.cancel()
    gate.open()
    await threads.run("b", lambda: begun_by.append("b"))
    assert begun_by == ["b"]


async def test_error_is_gone_with_the_last_who_knows_it(threads: FairThreads) -> None:
    class Picture:
        pass

    def fail(_: Picture) -> None:
        raise ValueError

    async def ask() -> weakref.ref[Picture]:
        picture = Picture()
        with contextlib.suppress(ValueError):
            await threads.run("a", lambda: fail(picture))
        return weakref.ref(picture)

    gc.disable()
    try:
        left = await ask()
        await threads.run("a", lambda: None)  # the thread has let go of what it did before
        assert left() is None
    finally:
        gc.enable()
