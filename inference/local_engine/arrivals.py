"""May a job be taken? Quotas, which count the jobs that are just being written down as well."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from inference.local_engine.lines import Lines
from inference.local_engine.settings import LocalEngineSettings
from protocol.decoding import repeated_task_error
from protocol.errors import CutwireError, Overloaded, RateLimited
from protocol.jobs import Job, JobId


class Arrivals:
    """The jobs that are being written down, and the room for more."""

    def __init__(self, settings: LocalEngineSettings, lines: Lines) -> None:
        self._settings = settings
        self._lines = lines
        self._jobs: dict[JobId, asyncio.Event] = {}
        self._by_quota: Counter[tuple[str, bool]] = Counter()

    def begin(self, job: Job) -> None:
        """Let a job arrive, or raise why it may not."""
        error = self._refusal(job)
        if error is not None:
            raise error
        self._jobs[job.id] = asyncio.Event()
        self._by_quota[job.tenant, job.is_durable] += 1

    def end(self, jobs: Sequence[Job]) -> None:
        """Note that jobs are in line, or were refused in the end."""
        for job in jobs:
            self._jobs.pop(job.id).set()
        self._by_quota.subtract((job.tenant, job.is_durable) for job in jobs)
        self._by_quota += Counter()  # drops the tenants that have none

    async def ended(self, job_id: JobId) -> None:
        """Wait for a job that arrives just now."""
        if arriving := self._jobs.get(job_id):
            await arriving.wait()

    def _refusal(self, job: Job) -> CutwireError | None:
        limits = self._settings
        if job.id in self._jobs:
            return repeated_task_error()
        quota = (
            limits.max_async_queued_per_tenant if job.is_durable else limits.max_queued_per_tenant
        )
        waiting = self._lines.size_of(job.tenant, is_durable=job.is_durable)
        if waiting + self._by_quota[job.tenant, job.is_durable] >= quota:
            return RateLimited(
                f"{quota:,} {'async' if job.is_durable else 'sync'} tasks of this tenant wait "
                "already; send more as results arrive."
            )
        if len(self._lines) + len(self._jobs) >= limits.max_queued:
            return Overloaded("The service's queue is full; try again shortly.")
        return None
