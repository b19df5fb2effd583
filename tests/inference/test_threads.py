"""Work on threads: its outcome comes back, and nobody waits for work that will not be done."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from inference.threads import on_thread


@pytest.fixture
def one_thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


@pytest.fixture
def gate(one_thread: ThreadPoolExecutor) -> Iterator[threading.Event]:
    """Keep the thread busy until it is set."""
    gate = threading.Event()
    one_thread.submit(gate.wait, 30)
    yield gate
    gate.set()


async def test_what_work_returns_comes_back(one_thread: ThreadPoolExecutor) -> None:
    assert await on_thread(one_thread, divmod, 7, 2) == (3, 1)


async def test_what_work_raises_comes_back(one_thread: ThreadPoolExecutor) -> None:
    with pytest.raises(ZeroDivisionError):
        await on_thread(one_thread, divmod, 7, 0)


async def test_error_is_gone_with_the_last_who_knows_it(one_thread: ThreadPoolExecutor) -> None:
    class Picture:
        pass

    def fail(_: Picture) -> None:
        raise ValueError

    async def ask() -> weakref.ref[Picture]:
        picture = Picture()
        with contextlib.suppress(ValueError):
            await on_thread(one_thread, fail, picture)
        return weakref.ref(picture)

    gc.disable()
    try:
        left = await ask()
        await on_thread(one_thread, abs, -1)  # the thread has let go of what it did before
        assert left() is None
    finally:
        gc.enable()


async def test_work_that_has_not_begun_is_dropped_with_who_waits_for_it(
    one_thread: ThreadPoolExecutor, gate: threading.Event
) -> None:
    done: list[int] = []
    waiting = asyncio.create_task(on_thread(one_thread, done.append, 1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    gate.set()
    await on_thread(one_thread, done.append, 2)

    assert waiting.cancelled()
    assert done == [2]


async def test_outcome_that_comes_after_its_waiter_left_harms_nobody(
    one_thread: ThreadPoolExecutor,
) -> None:
    begun, gate = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait(30)

    waiting = asyncio.create_task(on_thread(one_thread, work))
    await asyncio.to_thread(begun.wait, 30)
    waiting.cancel()
    await asyncio.wait({waiting})
    gate.set()

    assert await on_thread(one_thread, abs, -1) == 1


async def test_who_waits_for_threads_that_close_is_cancelled(
    one_thread: ThreadPoolExecutor, gate: threading.Event
) -> None:
    waiting = asyncio.create_task(on_thread(one_thread, abs, -1))
    await asyncio.sleep(0)
    one_thread.shutdown(wait=False, cancel_futures=True)
    await asyncio.wait({waiting}, timeout=30)

    assert waiting.cancelled()
