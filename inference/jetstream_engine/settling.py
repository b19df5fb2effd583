"""The end of a job: priced, written down once, delivered, charged. Each step may be repeated."""

from __future__ import annotations

import logging
from collections.abc import Callable

from msgspec import UNSET

from inference.engine import Settles
from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker, Refusal
from inference.jetstream_engine.jobs import Jobs, encode_outcome
from inference.jetstream_engine.requests import together
from protocol.errors import StorageUnavailable
from protocol.jobs import Job, Outcome
from protocol.tasks import PictureTask

_log = logging.getLogger(__name__)


class Settling:
    """Ends jobs. The first outcome that is written down stands, and is the one that is told."""

    def __init__(
        self, broker: Broker, jobs: Jobs, settlement: Settles, stored: Callable[[int], None]
    ) -> None:
        self._broker = broker
        self._jobs = jobs
        self._settlement = settlement
        self._stored = stored

    async def settle(self, outcome: Outcome) -> bool:
        """End a job; False: it had ended already, and that end was told again where needed.

        Raises StorageUnavailable where the broker does not answer: to be repeated then.
        """
        priced = self._settlement.priced(outcome)
        standing = await self._jobs.end(priced)
        if standing.job.submitted_at == outcome.job.submitted_at:  # else an older task's of that id
            await self.tell(standing)
        if standing is not priced:
            return False
        try:
            await self._settlement.settled(standing)
        except Exception:  # noqa: BLE001 - it is stored and told: a defect here must not undo that
            _log.exception("accounting failed", extra={"task_uuid": outcome.job.task.task_uuid})
        return True

    async def tell(self, outcome: Outcome) -> None:
        """Deliver an outcome that is written down, and have it charged."""
        job, data = outcome.job, encode_outcome(outcome)
        told = []
        if job.reply_to:
            told.append(self._store(names.result_subject(job.reply_to), data, job, "r"))
        if outcome.product is not None or _has_callbacks(outcome):
            told.append(self._store(names.usage_subject(job.tenant), data, job, "u"))
        await together(told)

    async def _store(self, subject: str, data: bytes, job: Job, what: str) -> None:
        try:
            stored = await self._broker.store(subject, data, message_id=names.message_id(job, what))
        except Refusal as refusal:
            raise StorageUnavailable(
                "The service's message broker is full; try again later.", detail=str(refusal)
            ) from refusal
        if what == "r":
            self._stored(stored.seq)


def _has_callbacks(outcome: Outcome) -> bool:
    task = outcome.job.task
    return isinstance(task, PictureTask) and task.webhook_url is not UNSET
