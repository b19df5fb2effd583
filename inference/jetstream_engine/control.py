"""Cancelling: who has a task in work says so, who has it in line lets go of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from nats.aio.msg import Msg

from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.jobs import Jobs
from inference.jetstream_engine.settling import Settling
from protocol.errors import StorageUnavailable, TaskCancelled
from protocol.jobs import JobId, Outcome

ANSWER_S: Final = 0.15
"""How long workers may take to say what they have; one that says nothing has it not."""


class _Answer(msgspec.Struct, frozen=True):
    running: list[JobId]
    dropped: list[JobId]


_ENCODER = msgspec.msgpack.Encoder()
_IDS = msgspec.msgpack.Decoder(list[JobId])
_ANSWER = msgspec.msgpack.Decoder(_Answer)

Drops = Callable[[Sequence[JobId]], tuple[list[JobId], list[JobId]]]
"""Lets go of tasks that have not begun; tells which run, and which were let go of."""


class Cancelling:
    """Ends tasks that have not begun; what is lost on the way means that a task simply runs."""

    def __init__(self, broker: Broker, jobs: Jobs, settling: Settling) -> None:
        self._broker = broker
        self._jobs = jobs
        self._settling = settling

    async def serve(self, drops: Drops) -> None:
        """Answer for the tasks of this worker."""

        async def told(message: Msg) -> None:
            running, dropped = drops(_IDS.decode(message.data))
            if running or dropped:
                await self._broker.tell(message.reply, _ENCODER.encode(_Answer(running, dropped)))

        await self._broker.listen(names.CANCEL, told)

    async def cancel(self, job_ids: Sequence[JobId]) -> int:
        """End tasks that nobody has begun; tell how many."""
        if not job_ids:
            return 0
        try:
            running = await self._ask_workers(job_ids)
        except StorageUnavailable:
            return 0
        waiting = [job_id for job_id in job_ids if job_id not in running]
        return sum(await asyncio.gather(*(self._end(job_id) for job_id in waiting)))

    async def _ask_workers(self, job_ids: Sequence[JobId]) -> set[JobId]:
        unknown, running = set(job_ids), set[JobId]()
        known = asyncio.Event()

        async def told(message: Msg) -> None:
            if (message.headers or {}).get("Status"):  # there is no worker at all
                known.set()
                return
            answer = _ANSWER.decode(message.data)
            running.update(answer.running)
            unknown.difference_update(answer.running, answer.dropped)
            if not unknown:
                known.set()

        inbox = self._broker.client.new_inbox()
        subscription = await self._broker.listen(inbox, told)
        try:
            await self._broker.tell(names.CANCEL, _ENCODER.encode(list(job_ids)), inbox)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_S):
                    await known.wait()
        finally:
            with contextlib.suppress(Exception):  # the connection may be gone, and it with it
                await subscription.unsubscribe()
        return running

    async def _end(self, job_id: JobId) -> bool:
        try:
            waiting = await self._jobs.waiting(job_id)
            if waiting is None or await self._jobs.outcome(waiting.job) is not None:
                return False
            cancelled = TaskCancelled("The task was cancelled.")
            is_ended = await self._settling.settle(Outcome.failed(waiting.job, cancelled))
            await self._broker.delete(waiting.stream, waiting.seq)
        except StorageUnavailable:
            return False
        return is_ended
