"""The engine of one machine: jobs and results in this process, fair among tenants."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from inference.engine import Accepted, JobState, Lease, Refused, Result, Stats
from inference.fair_queue import FairQueue
from protocol.decoding import repeated_task_error
from protocol.errors import CutwireError, Overloaded, RateLimited, ShuttingDown, TaskCancelled
from protocol.jobs import Job, JobId, Outcome, Pool

SWEEP_EVERY_S = 10.0


class LocalEngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of the embedded engine."""

    max_queued_per_tenant: int = 1_000
    """Sync tasks of one tenant that may wait; more are refused with rateLimitExceeded."""
    max_async_queued_per_tenant: int = 20_000
    interactive_per_tenant: int = 32
    """Waiting tasks of one tenant that go ahead of bulk work; what is above waits as bulk."""
    max_queued: int = 50_000
    """Tasks of all tenants that may wait; more are refused with serviceUnavailable."""
    result_life_s: float = 24 * 3600.0
    max_finished: int = 200_000
    """Finished tasks that getResponse knows; the oldest are forgotten first."""
    undelivered_life_s: float = 900.0


@dataclass(slots=True)
class _Record:
    job: Job
    outcome: Outcome | None = None
    followers: set[str] = field(default_factory=set)
    attempts: int = 0


@dataclass(slots=True)
class _Line:
    """The jobs that wait for one pool of workers."""

    queue: FairQueue[Job] = field(default_factory=FairQueue)
    grown: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Stream:
    results: deque[tuple[float, Result]] = field(default_factory=deque)
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    readers: int = 0


class LocalEngine:
    """The Engine in one process."""

    def __init__(
        self, settings: LocalEngineSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._records: OrderedDict[JobId, _Record] = OrderedDict()
        self._finished: OrderedDict[JobId, float] = OrderedDict()
        self._streams: dict[str, _Stream] = {}
        self._lines: dict[Pool, _Line] = {"compute": _Line(), "fetch": _Line()}
        self._running: set[JobId] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._seq = itertools.count(1)
        self._next_sweep = 0.0
        self._is_closed = False

    async def open(self) -> None:
        """Nothing to take up: this engine keeps no journal."""

    async def close(self, drain_s: float) -> None:
        """Refuse new jobs, finish what was taken within the time given, end the workers."""
        self._is_closed = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), drain_s)
        stopped = ShuttingDown("The service stopped before this task ended; send it again.")
        left = self._remove(lambda _: True)
        left += [self._records[job_id].job for job_id in self._running]
        self._running.clear()
        for job in left:
            self._settle(Outcome.failed(job, stopped))
        self._wake_workers()

    async def submit(self, jobs: Sequence[Job]) -> list[Accepted | Refused]:
        """Take jobs, each on its own."""
        self._forget_expired()
        return [self._submit_one(job) for job in jobs]

    async def find(self, job_id: JobId, *, follow: str = "") -> JobState | None:
        """Tell the state of a job, and promise its outcome to a stream."""
        self._forget_expired()
        record = self._records.get(job_id)
        if record and record.outcome is None and follow and follow != record.job.reply_to:
            record.followers.add(follow)
        return JobState(record.job, record.outcome) if record else None

    async def results(self, stream: str, after: int = 0) -> AsyncGenerator[Result]:
        """Yield the stream's results after a sequence number, then live ones."""
        state = self._streams.setdefault(stream, _Stream())
        state.readers += 1
        try:
            while True:
                state.grown.clear()
                fresh = [result for _, result in state.results if result.seq > after]
                for result in fresh:
                    after = result.seq
                    yield result
                if not fresh:
                    await state.grown.wait()
        finally:
            state.readers -= 1
            self._drop_if_spent(stream)

    def forget(self, stream: str, upto: int) -> None:
        """Drop results that the client has."""
        state = self._streams.get(stream)
        if state is None:
            return
        while state.results and state.results[0][1].seq <= upto:
            state.results.popleft()
        self._drop_if_spent(stream)

    async def cancel(self, job_ids: Sequence[JobId]) -> int:
        """End jobs that have not begun."""
        wanted = {job_id for job_id in job_ids if self._is_waiting(job_id)}
        if not wanted:
            return 0
        cancelled = self._remove(lambda job: job.id in wanted)
        for job in cancelled:
            self._settle(Outcome.failed(job, TaskCancelled("The task was cancelled.")))
        return len(cancelled)

    async def work(self, pool: Pool = "compute") -> AsyncIterator[Lease]:
        """Yield jobs of a pool to run; ends after close when nothing waits."""
        line = self._lines[pool]
        while True:
            job = line.queue.take()
            if job is not None:
                self._running.add(job.id)
                record = self._records[job.id]
                record.attempts += 1
                yield _LocalLease(job, record.attempts, self._finish, self._requeue)
                continue
            if self._is_closed and not self._running:
                return
            line.grown.clear()
            await line.grown.wait()

    async def stats(self) -> Stats:
        """Tell how busy the engine is."""
        now = time.time()
        queues = [line.queue for line in self._lines.values()]
        oldest = min((job.submitted_at for queue in queues for job in queue), default=now)
        queued: Counter[str] = Counter()
        for queue in queues:
            queued.update(queue.size_by_lane())
        return Stats(dict(queued), len(self._running), max(0.0, now - oldest))

    def _submit_one(self, job: Job) -> Accepted | Refused:
        error = self._refusal(job)
        if error is not None:
            return Refused(job, error)
        self._records[job.id] = _Record(job)
        self._enqueue(job)
        self._idle.clear()
        return Accepted(job)

    def _refusal(self, job: Job) -> CutwireError | None:
        limits = self._settings
        if self._is_closed:
            return ShuttingDown("The service is shutting down; send the task again elsewhere.")
        if job.id in self._records:
            return repeated_task_error()
        quota = (
            limits.max_async_queued_per_tenant if job.is_durable else limits.max_queued_per_tenant
        )
        if sum(line.queue.size_of(job.tenant) for line in self._lines.values()) >= quota:
            return RateLimited(
                f"{quota:,} tasks of this key already wait; send more as results arrive."
            )
        if self._queued >= limits.max_queued:
            return Overloaded("The service's queue is full; try again shortly.")
        return None

    def _is_waiting(self, job_id: JobId) -> bool:
        record = self._records.get(job_id)
        return record is not None and record.outcome is None and job_id not in self._running

    def _finish(self, outcome: Outcome) -> None:
        self._running.discard(outcome.job.id)
        self._settle(outcome)
        if self._is_closed:
            self._wake_workers()

    def _settle(self, outcome: Outcome) -> None:
        job = outcome.job
        record = self._records.get(job.id)
        if record is not None and record.outcome is None:
            record.outcome = outcome
            self._finished[job.id] = self._clock()
            self._append(job.reply_to, outcome)
            for follower in record.followers:
                self._append(follower, outcome, is_polled=True)
        if not self._running and not self._queued:
            self._idle.set()

    def _append(self, name: str, outcome: Outcome, *, is_polled: bool = False) -> None:
        if not name:
            return
        stream = self._streams.setdefault(name, _Stream())
        stream.results.append((self._clock(), Result(next(self._seq), outcome, is_polled)))
        stream.grown.set()

    @property
    def _queued(self) -> int:
        return sum(len(line.queue) for line in self._lines.values())

    def _enqueue(self, job: Job) -> None:
        line = self._lines[job.pool]
        ahead = line.queue.size_of_line(job.tenant, "interactive")
        lane = "bulk" if ahead >= self._settings.interactive_per_tenant else job.lane
        line.queue.put(job.tenant, lane, job.cost_units, job)
        line.grown.set()

    def _remove(self, matches: Callable[[Job], bool]) -> list[Job]:
        return [job for line in self._lines.values() for job in line.queue.remove(matches)]

    def _wake_workers(self) -> None:
        for line in self._lines.values():
            line.grown.set()

    def _requeue(self, job: Job) -> None:
        if job.id not in self._running:
            return  # settled already
        self._running.remove(job.id)
        self._enqueue(job)

    def _forget_expired(self) -> None:
        horizon = self._clock() - self._settings.result_life_s
        while self._finished:
            job_id, finished_at = next(iter(self._finished.items()))
            if finished_at > horizon and len(self._finished) <= self._settings.max_finished:
                break
            del self._finished[job_id]
            self._records.pop(job_id, None)
        self._forget_undelivered()

    def _forget_undelivered(self) -> None:
        now = self._clock()
        if now < self._next_sweep:
            return
        self._next_sweep = now + SWEEP_EVERY_S
        horizon = now - self._settings.undelivered_life_s
        for name, stream in list(self._streams.items()):
            while stream.results and stream.results[0][0] < horizon:
                stream.results.popleft()
            self._drop_if_spent(name)

    def _drop_if_spent(self, name: str) -> None:
        stream = self._streams.get(name)
        if stream is not None and not stream.readers and not stream.results:
            del self._streams[name]


@dataclass(frozen=True, slots=True)
class _LocalLease:
    """A job in the hands of this process's worker."""

    job: Job
    attempt: int
    settle: Callable[[Outcome], None]
    requeue: Callable[[Job], None]

    async def done(self, outcome: Outcome) -> None:
        """Deliver the outcome."""
        self.settle(outcome)

    async def fail(self, delay_s: float) -> None:
        """Give the job back after a delay."""
        await asyncio.sleep(delay_s)
        self.requeue(self.job)
