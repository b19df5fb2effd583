"""Who asked for a job that has not ended gets its outcome too, when there is one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from inference.engine import JobState
from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker, Refusal
from inference.jetstream_engine.jobs import Jobs, encode_outcome
from inference.jetstream_engine.reader import POLLED
from protocol.errors import StorageUnavailable
from protocol.jobs import JobId, Outcome

FIRST_LOOK_S: Final = 0.3
LOOK_S: Final = 15.0
"""The end of a job is told as it happens; what was not heard is found by looking."""
AGAIN_S: Final = 1.0
"""The same after a look that failed."""
LOOKS_AT_ONCE: Final = 32
MAX_FOLLOWED: Final = 100_000


@dataclass(slots=True)
class _Followed:
    streams: set[str] = field(default_factory=set)
    look_at: float = 0.0


class Followers:
    """Streams that are promised the outcome of a job; forgotten when this process ends."""

    def __init__(
        self,
        broker: Broker,
        jobs: Jobs,
        stored: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broker = broker
        self._jobs = jobs
        self._stored = stored
        self._clock = clock
        self._followed: OrderedDict[JobId, _Followed] = OrderedDict()
        self._subscriptions: dict[str, Subscription] = {}
        self._ended: asyncio.Queue[JobId] = asyncio.Queue()

    async def follow(self, state: JobState, stream: str) -> JobState:
        """Promise an outcome to a stream; where it came meanwhile, return it instead."""
        job_id = state.job.id
        if len(self._followed) >= MAX_FOLLOWED and job_id not in self._followed:
            return state
        followed = self._followed.get(job_id)
        if followed is None:
            followed = self._followed[job_id] = _Followed(look_at=self._clock() + FIRST_LOOK_S)
            await self._listen(job_id[0])
        followed.streams.add(stream)
        outcome = await self._jobs.outcome(state.job)
        if outcome is None:
            return state
        followed.streams.discard(stream)
        if not followed.streams:
            self._followed.pop(job_id, None)
        return JobState(outcome.job, outcome)

    def promised(self, job_id: JobId) -> bool:
        """Tell whether a stream waits for the outcome of a job."""
        return job_id in self._followed

    async def run(self) -> None:
        """Keep the promises until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deliver_ended())
            group.create_task(self._look())

    async def _listen(self, tenant: str) -> None:
        if tenant not in self._subscriptions:
            subject = names.ended_subject((tenant, "*"))
            self._subscriptions[tenant] = await self._broker.listen(subject, self._told)

    async def _told(self, message: Msg) -> None:
        *_, tenant, task_uuid, _ = message.subject.split(".")
        job_id = (names.tenant_of(tenant), task_uuid)
        if job_id in self._followed:
            self._ended.put_nowait(job_id)

    async def _deliver_ended(self) -> None:
        while True:
            await self._deliver(await self._ended.get())

    async def _look(self) -> None:
        """Look at those whose time has come, the longest waiting first."""
        while True:
            await asyncio.sleep(FIRST_LOOK_S)
            now = self._clock()
            due = [job_id for job_id, one in self._followed.items() if one.look_at <= now]
            for job_id in due[:LOOKS_AT_ONCE]:
                await self._deliver(job_id)

    async def _deliver(self, job_id: JobId) -> None:
        followed = self._followed.get(job_id)
        if followed is None:
            return
        followed.look_at = self._clock() + AGAIN_S
        with contextlib.suppress(StorageUnavailable, Refusal):
            state = await self._jobs.find(job_id)
            if state is not None:
                if state.outcome is None:
                    followed.look_at = self._clock() + LOOK_S
                    return
                for stream in list(followed.streams):
                    await self._store(stream, state.outcome)
                    followed.streams.discard(stream)
            self._followed.pop(job_id, None)

    async def _store(self, stream: str, outcome: Outcome) -> None:
        if stream == outcome.job.reply_to:
            return
        stored = await self._broker.store(
            names.result_subject(stream),
            encode_outcome(outcome),
            message_id=names.message_id(outcome.job, f"f.{stream}"),
            headers={POLLED: "1"},
        )
        self._stored(stored.seq)
