"""How do many awaiters share one model? Batches form while its runners are busy; no timer.

    await run(item) ──> queue (bounded, first in first out) ──> runner threads ──> model.run(batch)

A runner that becomes free takes what waits, up to the largest batch. Every awaiter gets exactly one
of: its result, its own error, its cancellation; at close() too. On a CPU there are two queues, each
with runners of its own: inference.crew says who waits ahead, and who behind.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.batcher.lane import CpuTurns, Lane, make_lanes
from inference.batcher.model import BatchSettings, Model, largest_batch
from inference.batcher.observing import BatchObserver, BatchRun, DropReason, Unobserved
from inference.batcher.waiting import Entry, deliver, drop_error, find_reason_to_drop
from inference.heap import trim_heap
from inference.models.pool import never
from inference.models.row import Row
from protocol.errors import CutwireError, InferenceFailed, OutOfMemory, Overloaded, ShuttingDown

_log = logging.getLogger(__name__)

Dead = tuple[Entry, DropReason]


class Batcher:
    """One model's queue and runners. Made anywhere; `run` and `close` belong to an event loop.

    `turns` is shared by all models of a CPU: each run takes one.
    """

    def __init__(
        self,
        model: Model,
        settings: BatchSettings,
        observer: BatchObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        turns: CpuTurns | None = None,
    ) -> None:
        self._model = model
        self._observer = observer or Unobserved()
        self._clock = clock
        self._is_fixed = model.row.is_fixed_batch
        self._max_size = largest_batch(model, settings)
        self._trim_after_s = settings.trim_after_s or None
        self._is_trimmed = True
        self._queue_limit = settings.queue_limit
        self._lanes = make_lanes(settings, turns, is_on_gpu=model.is_on_gpu)
        self._lock = self._lanes[0].lock
        self._running: set[Entry] = set()
        self._threads: list[threading.Thread] = []
        self._is_closing = False

    @property
    def row(self) -> Row:
        """What the model is, as its file completes it."""
        return self._model.row

    @property
    def memory_bytes(self) -> int:
        """Return how much memory the model takes."""
        return self._model.memory_bytes

    async def run(
        self,
        item: NDArray[Any],
        deadline: float | None = None,
        *,
        gone: Callable[[], bool] = never,
        is_behind: bool = False,
    ) -> NDArray[Any]:
        """Return the model's output for one item; `is_behind` as inference.crew has it.

        Raises Overloaded or ShuttingDown at once; TaskTimedOut (`deadline` in the clock's seconds)
        and TaskCancelled (`gone()`, asked from a runner thread) when its batch is formed; or the
        run's error.
        """
        entry = Entry(
            item=item,
            future=asyncio.get_running_loop().create_future(),
            deadline=deadline,
            gone=gone,
            queued_at=self._clock(),
        )
        self._enqueue(entry, self._lanes[-1 if is_behind else 0])
        try:
            return await entry.future
        except asyncio.CancelledError:
            self._forget(entry)
            raise

    async def close(self, limit_s: float = 30.0) -> None:
        """Take no more, finish what waits, and after `limit_s` refuse what is still unfinished."""
        with self._lock:
            self._is_closing = True
            for lane in self._lanes:
                lane.changed.notify_all()
        try:
            await asyncio.to_thread(self._join, time.monotonic() + limit_s)
        finally:
            with self._lock:
                left = [*self._running]
                for lane in self._lanes:
                    left += lane.queue
                    lane.queue.clear()
            deliver((entry, ShuttingDown("The service is shutting down.")) for entry in left)

    def _join(self, until: float) -> None:
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    @property
    def _depth(self) -> int:
        return sum(len(lane.queue) for lane in self._lanes)

    def _enqueue(self, entry: Entry, lane: Lane) -> None:
        with self._lock:
            if self._is_closing:
                raise ShuttingDown("The service is shutting down.")
            if self._depth >= self._queue_limit:
                raise Overloaded(
                    "Too many pictures wait for this model; try again in a moment.",
                    detail=f"{self.row.name}: {self._depth} wait",
                )
            self._start(lane)
            lane.queue.append(entry)
            depth = self._depth
            lane.changed.notify()
        self._observer.batch_queued(self.row.name, depth)

    def _start(self, lane: Lane) -> None:
        if lane.has_begun:
            return
        lane.has_begun = True
        for number in range(lane.runners):
            name = f"{self.row.name}-{lane.name}-{number}"
            thread = threading.Thread(target=self._serve, args=(lane,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _forget(self, entry: Entry) -> None:
        with self._lock:
            lane = next((lane for lane in self._lanes if entry in lane.queue), None)
            if lane is None:
                return
            lane.queue.remove(entry)
        self._observer.batch_dropped(self.row.name, "cancelled")

    def _serve(self, lane: Lane) -> None:
        lane.enter_thread()
        while self._has_work(lane):
            with lane.turns:
                batch, dead = self._take(lane)
                self._serve_batch(batch, dead)

    def _serve_batch(self, batch: list[Entry], dead: list[Dead]) -> None:
        try:
            self._drop(dead)
            self._observer.batch_queued(self.row.name, self._depth)
            self._run(batch, is_retry=False)
        # Whatever went wrong, the awaiters must hear of it and the runner must go on.
        except Exception as exc:  # noqa: BLE001
            error = InferenceFailed("The model run failed.", detail=repr(exc))
            deliver((entry, error) for entry in batch)
        with self._lock:
            self._running.difference_update(batch)

    def _has_work(self, lane: Lane) -> bool:
        """Wait for work, and trim the model when none comes; False once closing and empty."""
        while True:
            with self._lock:
                if not lane.queue and not self._is_closing:
                    # What comes behind, comes while there is work ahead: that lane trims for both.
                    has_slept = self._is_trimmed or lane is not self._lanes[0]
                    lane.changed.wait(None if has_slept else self._trim_after_s)
                if lane.queue or self._is_closing:
                    return bool(lane.queue)
                is_idle = not self._running and not self._is_trimmed
                self._is_trimmed = self._is_trimmed or is_idle
            if is_idle:
                self._trim()

    def _trim(self) -> None:
        try:
            self._model.trim()
            trim_heap()
        except Exception:  # noqa: BLE001 - foreign code; memory that is kept harms nobody
            _log.exception("model not trimmed", extra={"model": self.row.name})

    def _take(self, lane: Lane) -> tuple[list[Entry], list[Dead]]:
        """Form a batch of what waits: of nothing, if other runners took it meanwhile."""
        with self._lock:
            batch, dead = self._form(lane.queue)
            self._running.update(batch)
            self._is_trimmed = False
            return batch, dead

    def _form(self, queue: deque[Entry]) -> tuple[list[Entry], list[Dead]]:
        """Take the oldest items of one shape, and those that nobody wants any more."""
        now = self._clock()
        batch: list[Entry] = []
        dead: list[Dead] = []
        others: list[Entry] = []
        while queue and len(batch) < self._max_size:
            entry = queue.popleft()
            reason = find_reason_to_drop(entry, now)
            if reason is not None:
                dead.append((entry, reason))
            elif batch and not entry.fits(batch[0]):
                others.append(entry)
            else:
                batch.append(entry)
        queue.extendleft(reversed(others))
        return batch, dead

    def _drop(self, dead: Sequence[Dead]) -> None:
        deliver((entry, drop_error(reason)) for entry, reason in dead)
        for _, reason in dead:
            self._observer.batch_dropped(self.row.name, reason)

    def _run(self, batch: Sequence[Entry], *, is_retry: bool) -> None:
        if not batch:
            return
        started = self._clock()
        outcome = self._attempt(batch)
        run = BatchRun(
            size=len(batch),
            waits_s=tuple(started - entry.queued_at for entry in batch),
            run_s=self._clock() - started,
            is_ok=not isinstance(outcome, CutwireError),
            is_retry=is_retry,
            is_fixed=self._is_fixed,
        )
        self._observer.batch_ran(self.row.name, run)
        if not isinstance(outcome, CutwireError):
            deliver(zip(batch, outcome, strict=True))
        elif len(batch) == 1:
            deliver([(batch[0], outcome)])
        else:
            # One bad item must not sink its neighbours; half a batch may fit where a whole did not.
            step = (len(batch) + 1) // 2 if isinstance(outcome, OutOfMemory) else 1
            for start in range(0, len(batch), step):
                self._run(self._alive(batch[start : start + step]), is_retry=True)

    def _attempt(self, batch: Sequence[Entry]) -> NDArray[Any] | CutwireError:
        items = [entry.item for entry in batch]
        try:
            output = self._model.run(items[0][None] if len(items) == 1 else np.stack(items))
        except CutwireError as exc:
            return exc
        # A model is foreign code: what it raises becomes the task's error.
        except Exception as exc:  # noqa: BLE001
            return InferenceFailed("The model run failed.", detail=repr(exc))
        if len(output) != len(batch):
            return InferenceFailed(
                "The model run failed.", detail=f"{len(batch)} items gave {len(output)} outputs"
            )
        return output

    def _alive(self, entries: Sequence[Entry]) -> list[Entry]:
        now = self._clock()
        reasons = [(entry, find_reason_to_drop(entry, now)) for entry in entries]
        self._drop([(entry, reason) for entry, reason in reasons if reason is not None])
        return [entry for entry, reason in reasons if reason is None]
