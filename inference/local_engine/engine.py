"""The Engine in one process: what it says is in the journal before it is said."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import msgspec

from inference.engine import (
    Accepted,
    JobState,
    Lease,
    Refused,
    Result,
    Settles,
    Stats,
    tried_too_often,
)
from inference.journal import Journal
from inference.local_engine.arrivals import Arrivals
from inference.local_engine.lines import Lines
from inference.local_engine.records import Record
from inference.local_engine.settings import LocalEngineSettings
from inference.local_engine.streams import Streams
from protocol.decoding import repeated_task_error
from protocol.errors import CutwireError, ShuttingDown, StorageUnavailable, TaskCancelled
from protocol.jobs import Job, JobId, Outcome, Pool

SUSPECT_AFTER = 2
"""Tries that ended with the process: once can be bad company, after two a job runs alone."""

_log = logging.getLogger(__name__)


class LocalEngine:
    """Jobs that have not ended lie in memory too; those that have, in the journal alone."""

    def __init__(
        self,
        settings: LocalEngineSettings,
        journal: Journal,
        settlement: Settles,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._settlement = settlement
        self._clock = clock
        self._lines = Lines(settings, clock)
        self._streams = Streams(settings.undelivered_life_s, clock)
        self._records: dict[JobId, Record] = {}
        self._arrivals = Arrivals(settings, self._lines)
        self._submissions: set[asyncio.Task[list[Accepted | Refused]]] = set()
        self._running: dict[JobId, Job] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = asyncio.Event()

    def trouble(self) -> str:
        """Have none."""
        return ""

    async def open(self) -> None:
        """Take up the jobs that an earlier run left; nobody waits for them in a stream any more."""
        for job, tries in await self._journal.unfinished():
            record = Record.of(
                msgspec.structs.replace(job, reply_to=""), clock=self._clock, tries=tries
            )
            self._records[job.id] = record
            if tries >= self._settings.max_tries:
                await self._end(Outcome.failed(record.job, tried_too_often(tries)))
                continue
            put = self._lines.put_suspect if tries >= SUSPECT_AFTER else self._lines.put
            put(record.job)
            self._idle.clear()
        if self._records:
            _log.info("unfinished tasks taken up", extra={"count": len(self._records)})

    async def close(self, drain_s: float) -> None:
        """Refuse new jobs, finish what was taken within the time given, end the workers.

        What is left is told so where somebody waits for it; the rest stays for the next run.
        """
        self._closing.set()
        if self._submissions:
            await asyncio.wait(self._submissions)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), drain_s)
        stopped = [job for job in self._running.values() if not self._records[job.id].is_ending]
        for job in stopped:  # all at once: what ends from here on is too late
            del self._running[job.id]
        for job in stopped:
            if self._records[job.id].has_begun:
                with contextlib.suppress(StorageUnavailable):
                    await self._journal.excuse(job.id)
        left = stopped + self._lines.remove(lambda _: True)
        await self._fail(
            [job for job in left if job.reply_to],
            ShuttingDown("The service stopped before this task ended; send it again."),
        )
        self._lines.wake()

    async def submit(self, jobs: Sequence[Job]) -> list[Accepted | Refused]:
        """Take jobs, each on its own."""
        self._streams.sweep()
        arriving: list[Job] = []
        answers: dict[int, Accepted | Refused] = {}
        for place, job in enumerate(jobs):
            try:
                self._check(job)
                self._arrivals.begin(job)
                arriving.append(job)
            except CutwireError as error:
                answers[place] = Refused(job, error)
        written = iter(await self._write_down_owned(arriving) if arriving else ())
        return [answers.get(place) or next(written) for place in range(len(jobs))]

    async def find(self, job_id: JobId, *, follow: str = "") -> JobState | None:
        """Tell the state of a job, and promise its outcome to a stream."""
        self._streams.sweep()
        await self._arrivals.ended(job_id)
        record = self._records.get(job_id)
        if record is None:
            return await self._journal.find(job_id)
        if follow and follow != record.job.reply_to:
            record.followers.add(follow)
        return JobState(record.job, None)

    def results(self, stream: str, after: int = 0) -> AsyncGenerator[Result]:
        """Yield the stream's results after a sequence number, then live ones."""
        return self._streams.read(stream, after)

    def forget(self, stream: str, upto: int) -> None:
        """Drop results that the client has."""
        self._streams.forget(stream, upto)

    async def cancel(self, job_ids: Sequence[JobId]) -> int:
        """End jobs that have not begun; where that cannot be written down, they stay in line.

        What was promised to another stream stays there too.
        """
        known = self._records
        wanted = {one for one in job_ids if one in known and not known[one].followers}
        if not wanted:
            return 0
        cancelled = self._lines.remove(lambda job: job.id in wanted)
        kept = await self._fail(cancelled, TaskCancelled("The task was cancelled."))
        for job in kept:
            self._lines.put(job)
        return len(cancelled) - len(kept)

    async def work(self, pool: Pool = "compute") -> AsyncIterator[Lease]:
        """Yield jobs of a pool to run; ends after close when nothing waits."""
        while True:
            job = self._lines.take(pool, len(self._running))
            if job is None:
                if self._closing.is_set() and not self._running:
                    return
                await self._lines.grown(pool)
                continue
            self._running[job.id] = job
            record = self._records[job.id]
            record.tries += 1
            yield _LocalLease(record, record.tries, self, self._clock)

    async def stats(self) -> Stats:
        """Tell how busy the engine is."""
        now = time.time()
        oldest = min((job.submitted_at for job in self._lines), default=now)
        queued = self._lines.size_by_lane()
        return Stats(queued, len(self._running), max(0.0, now - oldest))

    async def begin(self, job: Job) -> None:
        """Count a try; where that cannot be written, one more than allowed harms nobody."""
        record = self._records.get(job.id)
        if record is None:
            return
        record.has_begun = True
        with contextlib.suppress(StorageUnavailable):
            await self._journal.begin(job.id)

    async def finish(self, outcome: Outcome) -> None:
        """End a job that ran; on return its outcome is on the disk and delivered."""
        record = self._records.get(outcome.job.id)
        if record is None or record.is_ending or outcome.job.id not in self._running:
            return
        record.is_ending = True
        outcome = msgspec.structs.replace(outcome, job=record.job)
        while not await self._is_ended(outcome):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._settings.retry_write_s)
            if self._closing.is_set():
                break
        self._leave(record.job)

    def give_back(self, job: Job) -> None:
        """Put a job that ran back in line, unless it has ended."""
        if job.id in self._running:
            job = self._records[job.id].job
            self._leave(job)
            self._lines.put(job)

    def _leave(self, job: Job) -> None:
        self._running.pop(job.id, None)
        self._lines.left(job)
        if self._closing.is_set():
            self._lines.wake()

    def _check(self, job: Job) -> None:
        if self._closing.is_set():
            raise ShuttingDown("The service is shutting down; send the task again elsewhere.")
        if job.id in self._records:
            raise repeated_task_error()

    async def _write_down_owned(self, jobs: Sequence[Job]) -> list[Accepted | Refused]:
        """Journal jobs and put them in line, even if who sent them does not wait for it."""
        submission = asyncio.create_task(self._write_down(jobs))
        self._submissions.add(submission)
        submission.add_done_callback(self._submissions.discard)
        return await asyncio.shield(submission)

    async def _write_down(self, jobs: Sequence[Job]) -> list[Accepted | Refused]:
        try:
            are_free = await self._journal.accept(jobs)
            return [
                self._take(job) if is_free else Refused(job, repeated_task_error())
                for job, is_free in zip(jobs, are_free, strict=True)
            ]
        except StorageUnavailable as error:
            return [Refused(job, error) for job in jobs]
        finally:
            self._arrivals.end(jobs)

    def _take(self, job: Job) -> Accepted:
        self._records[job.id] = Record.of(job, self._clock)
        self._idle.clear()
        self._lines.put(job)
        return Accepted(job)

    async def _fail(self, jobs: Sequence[Job], error: CutwireError) -> list[Job]:
        """End jobs with an error; return those of which that could not be written down."""
        ended = await asyncio.gather(*(self._is_ended(Outcome.failed(job, error)) for job in jobs))
        return [job for job, is_ended in zip(jobs, ended, strict=True) if not is_ended]

    async def _is_ended(self, outcome: Outcome) -> bool:
        try:
            await self._end(outcome)
        except StorageUnavailable as error:
            facts = {"task_uuid": outcome.job.task.task_uuid, "detail": error.detail}
            _log.warning("outcome not written", extra=facts)
            return False
        return True

    async def _end(self, outcome: Outcome) -> None:
        """Write down how a job ended, account for it, and deliver it."""
        outcome = self._settlement.priced(outcome)
        await self._journal.settle(outcome)
        try:
            await self._settlement.settled(outcome)
        except Exception:  # noqa: BLE001 - it is on the disk: whoever waits for it must get it
            _log.exception("accounting failed", extra={"task_uuid": outcome.job.task.task_uuid})
        record = self._records.pop(outcome.job.id)
        self._streams.append(outcome.job.reply_to, outcome)
        for follower in record.followers:
            self._streams.append(follower, outcome, is_polled=True)
        if not self._records:
            self._idle.set()


@dataclass(frozen=True, slots=True)
class _LocalLease:
    """A job in the hands of this process's worker."""

    record: Record
    attempt: int
    engine: LocalEngine
    clock: Callable[[], float]

    @property
    def job(self) -> Job:
        """What to do, and the time that is left for it now."""
        return self.record.timed(self.clock)

    async def begin(self) -> None:
        """Count this try."""
        await self.engine.begin(self.job)

    async def done(self, outcome: Outcome) -> None:
        """Write the outcome down and deliver it."""
        await self.engine.finish(outcome)

    async def fail(self, delay_s: float) -> None:
        """Give the job back after a delay."""
        await asyncio.sleep(delay_s)
        self.engine.give_back(self.job)
