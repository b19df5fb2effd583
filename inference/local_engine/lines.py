"""Which job is next? A fair line for each pool of workers, and suspects, last and alone."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from inference.fair_queue import FairQueue
from inference.local_engine.settings import LocalEngineSettings
from inference.local_engine.shares import Shares
from protocol.jobs import Job, Pool


@dataclass(slots=True)
class _Line:
    queue: FairQueue[Job] = field(default_factory=FairQueue)
    grown: asyncio.Event = field(default_factory=asyncio.Event)


class Lines:
    """The jobs that wait.

    A suspect was in work each time the process ended. It may be the cause, so it runs alone; it may
    have had bad luck, and then it must not be in work again when the process ends for another
    reason soon after its start. So others go first until `suspects_from`.
    """

    def __init__(self, settings: LocalEngineSettings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._suspects_from = clock() + settings.suspects_wait_s
        self._interactive_per_tenant = settings.interactive_per_tenant
        self._shares = Shares(settings, clock)
        self._waiting: Counter[tuple[str, bool]] = Counter()
        self._lines: dict[Pool, _Line] = {"compute": _Line(), "fetch": _Line()}
        self._suspects: deque[Job] = deque()
        self._alone: Job | None = None

    def __len__(self) -> int:
        return len(self._suspects) + sum(len(line.queue) for line in self._lines.values())

    def __iter__(self) -> Iterator[Job]:
        yield from self._suspects
        for line in self._lines.values():
            yield from line.queue

    def put(self, job: Job) -> None:
        """Let a job wait for its turn."""
        self._shares.asked(job.tenant)
        self._waiting[_quota_of(job)] += 1
        line = self._lines[job.pool]
        ahead = line.queue.size_of_line(job.tenant, "interactive")
        lane = "bulk" if ahead >= self._interactive_per_tenant else job.lane
        line.queue.put(job.tenant, lane, job.cost_units, job)
        line.grown.set()

    def put_suspect(self, job: Job) -> None:
        """Let a job wait until it can run with no other beside it."""
        self._waiting[_quota_of(job)] += 1
        self._suspects.append(job)
        self.wake()

    def take(self, pool: Pool, running: int) -> Job | None:
        """Remove the job whose turn it is, while so many run; None: no job may begin."""
        job = self._next(pool, running)
        if job is not None:
            self._shares.began(job)
            self._forget([job])
        return job

    def _next(self, pool: Pool, running: int) -> Job | None:
        if self._alone is not None:
            return None
        if not self._is_time_for_suspects():
            return self._lines[pool].queue.take(self._shares.of(pool))
        if running or self._suspects[0].pool != pool:
            return None
        self._alone = self._suspects.popleft()
        return self._alone

    def _forget(self, jobs: Sequence[Job]) -> None:
        self._waiting.subtract(_quota_of(job) for job in jobs)
        self._waiting += Counter()  # drops what has become nothing

    def _is_time_for_suspects(self) -> bool:
        if not self._suspects:
            return False
        is_only = not any(len(line.queue) for line in self._lines.values())
        return is_only or self._clock() >= self._suspects_from

    def left(self, job: Job) -> None:
        """Note that a job no longer runs."""
        self._shares.ended(job)
        self._lines[job.pool].grown.set()
        if self._suspects or self._alone is job:
            self._alone = None
            self.wake()

    async def grown(self, pool: Pool) -> None:
        """Wait until the pool's turn may have come."""
        event = self._lines[pool].grown
        event.clear()
        await event.wait()

    def wake(self) -> None:
        """Let every worker look again."""
        for line in self._lines.values():
            line.grown.set()

    def remove(self, matches: Callable[[Job], bool]) -> list[Job]:
        """Remove and return the jobs that match."""
        removed = [job for job in self._suspects if matches(job)]
        self._suspects = deque(job for job in self._suspects if not matches(job))
        for line in self._lines.values():
            removed += line.queue.remove(matches)
        self._forget(removed)
        return removed

    def size_of(self, tenant: str, *, is_durable: bool) -> int:
        """Count a tenant's jobs that wait: its async ones, or its sync ones."""
        return self._waiting[tenant, is_durable]

    def size_by_lane(self) -> dict[str, int]:
        """Count the jobs that wait, by lane."""
        sizes: Counter[str] = Counter()
        for line in self._lines.values():
            sizes.update(line.queue.size_by_lane())
        sizes.update(job.lane for job in self._suspects)
        return dict(sizes)


def _quota_of(job: Job) -> tuple[str, bool]:
    return job.tenant, job.is_durable
