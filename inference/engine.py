"""What carries jobs to workers and outcomes back: in this process, or across machines."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from protocol.errors import CutwireError, TaskAbandoned
from protocol.jobs import Job, JobId, Outcome, Pool

EVERYTHING = 2**63 - 1
"""As `upto` of `forget`: the whole stream."""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The job is taken and will end with exactly one outcome."""

    job: Job


class Refused(msgspec.Struct, frozen=True):
    """The job was not taken; nothing of it stays."""

    job: Job
    error: CutwireError


class Result(msgspec.Struct, frozen=True, gc=False):
    """An outcome in a stream; `seq` ascends within the stream."""

    seq: int
    outcome: Outcome
    is_polled: bool = False
    """Whether the stream has it because somebody asked for it with getResponse."""


@dataclass(frozen=True, slots=True)
class JobState:
    """What is known of a job; `outcome` is None while it waits or runs."""

    job: Job
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Stats:
    """How busy the engine is."""

    queued: dict[str, int]
    """Lane → jobs that wait."""
    running: int
    oldest_wait_s: float
    uncharged: int = 0
    """Jobs that ended elsewhere, whose charges the ledger does not have yet."""


class Settles(Protocol):
    """Is told of every job that ended, whichever way."""

    def priced(self, outcome: Outcome) -> Outcome:
        """Say what the job costs; this is written down with the outcome."""

    async def settled(self, outcome: Outcome) -> None:
        """Account for the outcome: it is on the disk now, and is delivered after this."""


class Lease(Protocol):
    """One job in the hands of a worker, to be settled exactly once."""

    @property
    def job(self) -> Job:
        """What to do."""

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""

    async def begin(self) -> None:
        """Count this try, before anything is done: a job that ends the process is known by it."""

    async def done(self, outcome: Outcome) -> None:
        """Store the outcome and deliver it; durable on return."""

    async def fail(self, delay_s: float) -> None:
        """Give the job back, to be tried again after a delay."""


class Engine(Protocol):
    """The embedded engine and the distributed one both satisfy this."""

    def trouble(self) -> str:
        """Say why nothing can be taken now; empty: it can."""

    async def open(self) -> None:
        """Take up what an earlier run left."""

    async def close(self, drain_s: float) -> None:
        """Wait for running jobs, at most so long, then stop."""

    async def submit(self, jobs: Sequence[Job]) -> list[Accepted | Refused]:
        """Take jobs, each on its own; what is accepted stays so. Idempotent on the job's id."""

    async def find(self, job_id: JobId, *, follow: str = "") -> JobState | None:
        """Tell the state of a job, or None where no such job is known.

        While the job has not ended, a stream named in `follow` will also get its outcome.
        """

    def results(self, stream: str, after: int = 0) -> AsyncGenerator[Result]:
        """Yield the stream's results from `after` on, and then live ones as they come."""

    def forget(self, stream: str, upto: int) -> None:
        """Drop results that the client has; takes effect soon, and may be repeated."""

    async def cancel(self, job_ids: Sequence[JobId]) -> int:
        """End jobs that have not begun, with TaskCancelled; tell how many.

        One whose outcome was promised to another stream, by `find`, goes on.
        """

    def work(self, pool: Pool = "compute") -> AsyncIterator[Lease]:
        """Yield jobs of a pool, fairly among tenants; ends when the engine closes."""

    async def stats(self) -> Stats:
        """Tell how busy the engine is."""


def tried_too_often(times: int) -> TaskAbandoned:
    """Say why a job that ended its process so often is not tried again."""
    return TaskAbandoned(
        f"The service stopped unexpectedly each of the {times} times that it worked on this task; "
        "it will not be tried again."
    )
