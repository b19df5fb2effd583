"""What does the engine know of a job that has not ended?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from protocol.jobs import Job

CLOCKS_AGREE_S = 1.0
"""Within so much, the time of day and our own clock went alike."""


@dataclass(slots=True)
class Record:
    """A job that has not ended."""

    job: Job
    sent_at: float
    """By the engine's clock, which nobody sets; before this process began, perhaps."""
    tries: int = 0
    followers: set[str] = field(default_factory=set)
    has_begun: bool = False
    is_ending: bool = False

    @classmethod
    def of(cls, job: Job, clock: Callable[[], float], tries: int = 0) -> Record:
        """Make the record of a job that was just taken, now or by an earlier run."""
        return cls(job, clock() - max(0.0, time.time() - job.submitted_at), tries)

    def timed(self, clock: Callable[[], float]) -> Job:
        """Return the job as if the time of day had never been set while it waited.

        What reads its times next reads the time of day too; it must find what is really left.
        """
        job, sent_at = self.job, time.time() - (clock() - self.sent_at)
        if abs(sent_at - job.submitted_at) < CLOCKS_AGREE_S:
            return job
        life_s = job.deadline_at - job.submitted_at
        return replace(job, submitted_at=sent_at, deadline_at=sent_at + life_s)
