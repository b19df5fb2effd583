"""How do many awaiters share one model? Batches form while its runners are busy; no timer.

    await run(item) ──> queue (bounded, first in first out) ──> runner threads ──> model.run(batch)

A runner that becomes free takes what waits, up to the largest batch. Every awaiter gets exactly one
of: its result, its own error, its cancellation; at close() too.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.batcher.model import BatchSettings, Model, count_cores, largest_batch
from inference.batcher.observing import BatchObserver, BatchRun, DropReason, Unobserved
from inference.batcher.waiting import Entry, deliver, drop_error, find_reason_to_drop
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
        turns: threading.Semaphore | None = None,
    ) -> None:
        self._model = model
        self._observer = observer or Unobserved()
        self._clock = clock
        self._is_fixed = model.row.is_fixed_batch
        self._max_size = largest_batch(model, settings)
        self._runners = settings.runners or (1 if model.is_on_gpu else count_cores())
        self._turns = nullcontext() if turns is None or model.is_on_gpu else turns
        self._trim_after_s = settings.trim_after_s or None
        self._is_trimmed = True
        self._queue_limit = settings.queue_limit
        self._queue: deque[Entry] = deque()
        self._running: set[Entry] = set()
        self._changed = threading.Condition()
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
    ) -> NDArray[Any]:
        """Return the model's output for one item.

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
        self._enqueue(entry)
        try:
            return await entry.future
        except asyncio.CancelledError:
            self._forget(entry)
            raise

    async def close(self, limit_s: float = 30.0) -> None:
        """Take no more, finish what waits, and after `limit_s` refuse what is still unfinished."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        try:
            await asyncio.to_thread(self._join, time.monotonic() + limit_s)
        finally:
            with self._changed:
                left = [*self._queue, *self._running]
                self._queue.clear()
            deliver((entry, ShuttingDown("The service is shutting down.")) for entry in left)

    def _join(self, until: float) -> None:
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _enqueue(self, entry: Entry) -> None:
        with self._changed:
            if self._is_closing:
                raise ShuttingDown("The service is shutting down.")
            if len(self._queue) >= self._queue_limit:
                raise Overloaded(
                    "Too many pictures wait for this model; try again in a moment.",
                    detail=f"{self.row.name}: {len(self._queue)} wait",
                )
            self._start()
            self._queue.append(entry)
            depth = len(self._queue)
            self._changed.notify()
        self._observer.batch_queued(self.row.name, depth)

    def _start(self) -> None:
        if self._threads:
            return
        for number in range(self._runners):
            name = f"{self.row.name}-{number}"
            self._threads.append(threading.Thread(target=self._serve, name=name, daemon=True))
        for thread in self._threads:
            thread.start()

    def _forget(self, entry: Entry) -> None:
        with self._changed:
            if entry not in self._queue:
                return
            self._queue.remove(entry)
        self._observer.batch_dropped(self.row.name, "cancelled")

    def _serve(self) -> None:
        while self._has_work():
            with self._turns:
                batch, dead = self._take()
                self._serve_batch(batch, dead)

    def _serve_batch(self, batch: list[Entry], dead: list[Dead]) -> None:
        try:
            self._drop(dead)
            self._observer.batch_queued(self.row.name, len(self._queue))
            self._run(batch, is_retry=False)
        # Whatever went wrong, the awaiters must hear of it and the runner must go on.
        except Exception as exc:  # noqa: BLE001
            error = InferenceFailed("The model run failed.", detail=repr(exc))
            deliver((entry, error) for entry in batch)
        with self._changed:
            self._running.difference_update(batch)

    def _has_work(self) -> bool:
        """Wait for work, and trim the model when none comes; False once closing and empty."""
        while True:
            with self._changed:
                if not self._queue and not self._is_closing:
                    self._changed.wait(None if self._is_trimmed else self._trim_after_s)
                if self._queue or self._is_closing:
                    return bool(self._queue)
                is_idle = not self._running and not self._is_trimmed
                self._is_trimmed = self._is_trimmed or is_idle
            if is_idle:
                self._trim()

    def _trim(self) -> None:
        try:
            self._model.trim()
        except Exception:  # noqa: BLE001 - foreign code; memory that is kept harms nobody
            _log.exception("model not trimmed", extra={"model": self.row.name})

    def _take(self) -> tuple[list[Entry], list[Dead]]:
        """Form a batch of what waits: of nothing, if other runners took it meanwhile."""
        with self._changed:
            batch, dead = self._form()
            self._running.update(batch)
            self._is_trimmed = False
            return batch, dead

    def _form(self) -> tuple[list[Entry], list[Dead]]:
        """Take the oldest items of one shape, and those that nobody wants any more."""
        now = self._clock()
        batch: list[Entry] = []
        dead: list[Dead] = []
        others: list[Entry] = []
        while self._queue and len(batch) < self._max_size:
            entry = self._queue.popleft()
            reason = find_reason_to_drop(entry, now)
            if reason is not None:
                dead.append((entry, reason))
            elif batch and not entry.fits(batch[0]):
                others.append(entry)
            else:
                batch.append(entry)
        self._queue.extendleft(reversed(others))
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
