"""What this gateway has handed over and not seen the end of."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable

from protocol.jobs import Job, JobId

GRACE_S = 60.0
"""After its deadline a job is no longer waited for: its end was told where nobody listened."""


class Outstanding:
    """Jobs by tenant and by stream, each until its end was seen or its time is over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: OrderedDict[JobId, tuple[float, Job]] = OrderedDict()
        self._by_tenant: defaultdict[str, int] = defaultdict(int)
        self._by_stream: defaultdict[str, int] = defaultdict(int)

    def __len__(self) -> int:
        return len(self._until)

    def add(self, job: Job) -> None:
        """Count a job whose outcome will come in a stream."""
        self._sweep()
        if not job.reply_to or job.id in self._until:
            return
        life_s = max(0.0, job.deadline_at - job.submitted_at) + GRACE_S
        self._until[job.id] = self._clock() + life_s, job
        self._by_tenant[job.tenant] += job.lane == "interactive"
        self._by_stream[job.reply_to] += 1

    def end(self, job_id: JobId) -> None:
        """Note that a job ended, or was not taken."""
        _, job = self._until.pop(job_id, (0.0, None))
        if job is None:
            return
        self._by_tenant[job.tenant] -= job.lane == "interactive"
        self._by_stream[job.reply_to] -= 1
        for counts, key in ((self._by_tenant, job.tenant), (self._by_stream, job.reply_to)):
            if not counts[key]:
                del counts[key]

    def interactive_of(self, tenant: str) -> int:
        """Count a tenant's unfinished jobs that go ahead of bulk work."""
        return self._by_tenant.get(tenant, 0)

    def is_awaited(self, stream: str) -> bool:
        """Whether an outcome is still to come in a stream."""
        return stream in self._by_stream

    def _sweep(self) -> None:
        now = self._clock()
        while self._until:
            job_id, (until, _) = next(iter(self._until.items()))
            if until > now:
                return
            self.end(job_id)
