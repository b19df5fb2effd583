"""Does a task end its workers? How often it was begun by workers that did not come to its end."""

from __future__ import annotations

import contextlib
from typing import Literal

from inference.engine import tried_too_often
from inference.jetstream_engine.held import Held
from inference.jetstream_engine.jobs import Jobs
from inference.jetstream_engine.settling import Settling
from protocol.errors import StorageUnavailable
from protocol.jobs import Outcome

Verdict = Literal["ended", "suspect", "harmless"]


class Tries:
    """Counts what is handed out again; the first try of a task is known without that."""

    def __init__(self, jobs: Jobs, settling: Settling, max_tries: int) -> None:
        self._jobs = jobs
        self._settling = settling
        self._max_tries = max_tries

    async def begin(self, held: Held) -> None:
        """Count a try; where that cannot be written, one more than allowed harms nobody."""
        held.has_begun = True
        if held.attempt > 1:
            held.tries += 1
            await self._write(held)

    async def excuse(self, held: Held) -> None:
        """Take back the last try: the task was stopped, and is not to blame."""
        if held.has_begun and held.attempt > 1:
            held.tries -= 1
            await self._write(held)

    async def judge(self, held: Held) -> Verdict:
        """Look at a task that was handed out before; one that was tried too often is ended.

        Raises StorageUnavailable where the broker does not answer: to be repeated then.
        """
        ended = await self._jobs.outcome(held.job)
        if ended is not None:
            if ended.job.submitted_at == held.job.submitted_at:  # else an older task's of that id
                await self._settling.tell(ended)
            return "ended"
        held.tries = await self._jobs.tries(held.job.id)
        times = held.tries + 1
        if times >= self._max_tries:
            await self._settling.settle(Outcome.failed(held.job, tried_too_often(times)))
            return "ended"
        return "suspect" if held.tries else "harmless"

    async def _write(self, held: Held) -> None:
        with contextlib.suppress(StorageUnavailable):
            await self._jobs.count_tries(held.job.id, held.tries)
