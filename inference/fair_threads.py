"""Threads for many short pieces of work, taken up fairly; of a burst the loop is told together."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from inference.fair_queue import FairQueue
from inference.threads import settle

TELL_EVERY_S = 0.001
"""Outcomes wait so long for those behind them, and for one that is being made meanwhile: waking the
loop costs it as much as a task does, and so does each change between it and the threads."""

Made = TypeVar("Made")
_Work = tuple[asyncio.Future[Any], Callable[[], object]]
_Told = tuple[asyncio.Future[Any], object, BaseException | None]


class FairThreads:
    """Tenants take turns at a few threads, each in its own order; for one event loop."""

    def __init__(self, count: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._free = count
        self._lock = threading.Lock()
        self._waiting: FairQueue[_Work] = FairQueue()

    async def run(self, tenant: str, work: Callable[[], Made]) -> Made:
        """Do a tenant's work on a thread, and return what it returns or raise what it raises.

        Work that has not begun is dropped when who waits for it is cancelled.
        """
        made: asyncio.Future[Made] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.put(tenant, "interactive", 1.0, (made, work))
            has_thread = self._free > 0
            self._free -= has_thread
        if has_thread:
            self._threads.submit(self._work_off)
        try:
            return await made
        finally:
            del made  # as below

    def _work_off(self) -> None:
        """Do what waits until nothing does."""
        told: list[_Told] = []
        tell_at = time.monotonic() + TELL_EVERY_S
        while (entry := self._take()) is not None:
            made, work = entry
            if not made.done():
                told.append((made, *_done(work)))
            del made, work  # else an error would keep itself and all that its frames hold
            if told and time.monotonic() >= tell_at:
                _tell(told)
                told, tell_at = [], time.monotonic() + TELL_EVERY_S
        if told:
            _tell(told)

    def _take(self) -> _Work | None:
        with self._lock:
            entry = self._waiting.take()
            self._free += entry is None
            return entry


def _done(work: Callable[[], object]) -> tuple[object, BaseException | None]:
    try:
        return work(), None
    except BaseException as error:  # noqa: BLE001 - who waits is told of it, whatever it is
        return None, error


def _tell(told: list[_Told]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        told[0][0].get_loop().call_soon_threadsafe(_settle, told)


def _settle(told: list[_Told]) -> None:
    for made, outcome, error in told:
        settle(made, outcome, error)
    told.clear()  # the thread may know it for a moment yet
