"""Jobs into the work queue: each once, within its tenant's quota, durable before it is accepted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

import msgspec

from inference.engine import Accepted, Refused
from inference.jetstream_engine import names
from inference.jetstream_engine.broker import STORE_FAILED, Broker, Refusal, Stored
from inference.jetstream_engine.health import SILENCE_S, Pulse
from inference.jetstream_engine.jobs import Jobs, Waiting
from inference.jetstream_engine.outstanding import Outstanding
from inference.jetstream_engine.requests import together
from protocol.decoding import repeated_task_error
from protocol.errors import CutwireError, Overloaded, RateLimited, ShuttingDown, StorageUnavailable
from protocol.jobs import Job

PER_SUBJECT = "per subject"
"""In the broker's words for a quota; a stream that is full has the same error code."""

_ENCODER = msgspec.msgpack.Encoder()
_log = logging.getLogger(__name__)


class Publisher:
    """Hands jobs over; what it does not know to be stored it does not accept."""

    def __init__(
        self,
        broker: Broker,
        jobs: Jobs,
        outstanding: Outstanding,
        pulse: Pulse,
        interactive_per_tenant: int,
    ) -> None:
        self._broker = broker
        self._settings = broker.settings
        self._jobs = jobs
        self._outstanding = outstanding
        self._pulse = pulse
        self._interactive_per_tenant = interactive_per_tenant
        self._busy: set[asyncio.Task[list[Accepted | Refused]]] = set()
        self._submitting = 0
        self._is_closed = False

    async def submit(self, jobs: Sequence[Job]) -> list[Accepted | Refused]:
        """Take jobs, each on its own, even if who sent them does not wait for it."""
        task = asyncio.create_task(self._submit(jobs))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Refuse new jobs, and finish with those that are being handed over."""
        self._is_closed = True
        if self._busy:
            await asyncio.wait(self._busy)

    async def _submit(self, jobs: Sequence[Job]) -> list[Accepted | Refused]:
        have_ended = await together([self._has_ended(job) for job in jobs])
        # Begun in their order, so that the queue has them in it.
        return await together([*map(self._submit_one, jobs, have_ended)])

    async def _submit_one(self, job: Job, has_ended: bool) -> Accepted | Refused:
        try:
            self._check_room()
            if has_ended:
                raise repeated_task_error()
            self._submitting += 1
            try:
                await self._hand_over(self._in_its_lane(job))
            finally:
                self._submitting -= 1
        except CutwireError as error:
            return Refused(job, error)
        return Accepted(job)

    @property
    def _is_lost(self) -> bool:
        """Whether to try would only make the client wait."""
        return self._pulse.silent_s > max(self._settings.patience_s, SILENCE_S)

    def _check_room(self) -> None:
        if self._is_closed:
            raise ShuttingDown("The service is shutting down; send the task again elsewhere.")
        if self._is_lost:
            raise Overloaded("The service's queue does not answer; try again shortly.")
        if self._submitting >= self._settings.max_submitting:
            raise Overloaded("The service's queue does not keep up; try again shortly.")

    async def _has_ended(self, job: Job) -> bool:
        """Look before the queue does: it knows ids for its own window only, and would run it."""
        if self._is_lost:
            return False
        with contextlib.suppress(StorageUnavailable):
            return await self._jobs.has_ended(job.id)
        return False

    def _in_its_lane(self, job: Job) -> Job:
        ahead = self._outstanding.interactive_of(job.tenant)
        if job.lane == "interactive" and ahead >= self._interactive_per_tenant:
            return msgspec.structs.replace(job, lane="bulk")
        return job

    async def _hand_over(self, job: Job) -> None:
        pool = self._settings.pool_of(job.model, job.task.task_type)
        self._outstanding.add(job)  # its end may be told before its acceptance
        try:
            stored = await self._enqueue(job, pool)
            waiting = Waiting(job=job, stream=names.tasks_stream(pool), seq=stored.seq)
            if not await self._write_down(waiting):
                await self._broker.delete(waiting.stream, waiting.seq)
                raise repeated_task_error()
        except CutwireError:
            self._outstanding.end(job.id)
            raise

    async def _enqueue(self, job: Job, pool: str) -> Stored:
        data = _ENCODER.encode(job)
        try:
            stored = await self._broker.store_within(
                self._settings.patience_s,
                names.task_subject(pool, job),
                data,
                message_id=names.message_id(job),
            )
        except StorageUnavailable as error:
            raise Overloaded(
                "The service's queue does not answer; try again shortly.", detail=error.detail
            ) from error
        except Refusal as refusal:
            raise self._refusal(refusal) from refusal
        is_ours = stored.is_retried and await self._is_ours(pool, stored.seq, data, job)
        if stored.is_duplicate and not is_ours:
            raise repeated_task_error()
        return stored

    async def _is_ours(self, pool: str, seq: int, data: bytes, job: Job) -> bool:
        """Tell a try of ours whose answer was lost from another task under the same UUID."""
        stream = names.tasks_stream(pool)
        found = await self._broker.patiently(lambda: self._broker.at(stream, seq))
        if found is not None:
            return found.data == data
        known = await self._broker.patiently(lambda: self._jobs.find(job.id))
        return known is not None and known.job == job

    async def _write_down(self, waiting: Waiting) -> bool:
        try:
            return await self._jobs.take(waiting, self._settings.patience_s)
        except StorageUnavailable as error:
            # It is in the queue and will end: better found late than refused and run.
            facts = {"task_uuid": waiting.job.task.task_uuid, "detail": error.detail}
            _log.warning("accepted task is not known before it ends", extra=facts)
            return True

    def _refusal(self, refusal: Refusal) -> CutwireError:
        if refusal.err_code == STORE_FAILED and PER_SUBJECT in str(refusal):
            return RateLimited(
                f"{self._settings.max_waiting:,} tasks of this key already wait; send more as "
                "results arrive."
            )
        return Overloaded(
            "The service's queue is full; try again shortly.", detail=f"broker: {refusal}"
        )
