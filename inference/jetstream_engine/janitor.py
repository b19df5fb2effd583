"""Tasks that nobody will end: handed out too often, too late, or ended and left in the queue."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from typing import Final

import msgspec
from nats.aio.msg import Msg

from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.jobs import Jobs
from inference.jetstream_engine.messages import Message, seconds_of
from inference.jetstream_engine.puller import Puller, Pullers
from inference.jetstream_engine.settling import Settling
from protocol.errors import CutwireError, StorageUnavailable, TaskAbandoned, TaskTimedOut
from protocol.jobs import Job, Outcome

SWEEP_EVERY_S: Final = 60.0
SWEPT_AT_ONCE: Final = 1000
ROOM: Final = 16
GRACE_S: Final = 30.0
"""After its deadline a worker still has so long to say so itself."""

_DECODER = msgspec.msgpack.Decoder(Job)
_log = logging.getLogger(__name__)


class Janitor:
    """Runs beside each gateway; what two of them do twice is done once."""

    def __init__(self, broker: Broker, jobs: Jobs, settling: Settling, jobs_life_s: float) -> None:
        self._broker = broker
        self._jobs = jobs
        self._settling = settling
        self._jobs_life_s = jobs_life_s
        self._letters: asyncio.Queue[Msg] = asyncio.Queue()
        self._places: dict[str, int] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        pullers = Pullers(self._broker)
        puller = Puller(
            self._broker,
            names.DEAD_LETTERS,
            names.JANITOR,
            lambda: ROOM - self._letters.qsize(),
            self._letters.put_nowait,
        )
        await pullers.add(puller)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._answer_letters(pullers))
                group.create_task(self._sweep())
        finally:
            await pullers.stop()

    async def sweep_once(self, now: float, at_once: int = SWEPT_AT_ONCE) -> int:
        """End what is overdue in every work queue, looking at so many; tell how many ended.

        The next time goes on from there: many that may wait must not hide those behind them.
        """
        swept = 0
        for pool in self._broker.settings.all_pools:
            swept += await self._sweep_stream(names.tasks_stream(pool), now, at_once)
        return swept

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            with contextlib.suppress(StorageUnavailable):
                await self.sweep_once(time.time())

    async def _sweep_stream(self, stream: str, now: float, at_once: int) -> int:
        seq, swept = self._places.pop(stream, 0), 0
        for _ in range(at_once):
            found = await self._broker.first_from(stream, seq + 1, "task.>")
            if found is None or _age_s(found, now) < SWEEP_EVERY_S:
                return swept
            seq = found.seq
            swept += await self._is_swept(stream, found, now)
        self._places[stream] = seq
        return swept

    async def _is_swept(self, stream: str, found: Message, now: float) -> bool:
        try:
            job = _DECODER.decode(found.data)
        except msgspec.MsgspecError:  # a newer gateway's, perhaps: its workers will read it
            return False
        if await self._jobs.outcome(job) is None:
            if not self._is_overdue(job, found, now):
                return False
            overdue = TaskTimedOut("The task waited longer than it may.")
            await self._settling.settle(Outcome.failed(job, overdue))
        await self._broker.delete(stream, found.seq)
        _log.info("task swept from the queue", extra={"task_uuid": job.task.task_uuid})
        return True

    def _is_overdue(self, job: Job, found: Message, now: float) -> bool:
        if job.is_durable:
            return _age_s(found, now) > self._jobs_life_s
        return now > job.deadline_at + GRACE_S

    async def _answer_letters(self, pullers: Pullers) -> None:
        while True:
            letter = await self._letters.get()
            with contextlib.suppress(StorageUnavailable):  # it comes again
                await self._bury(json.loads(letter.data))
                await self._broker.tell(letter.reply, b"+ACK")
            pullers.wake()

    async def _bury(self, advisory: dict[str, object]) -> None:
        """End the task that an advisory names, and remove it: the broker leaves it in its queue."""
        stream, seq = str(advisory["stream"]), int(str(advisory["stream_seq"]))
        if not stream.startswith(names.tasks_stream("")):
            return
        found = await self._broker.at(stream, seq)
        if found is None:
            return
        try:
            job = _DECODER.decode(found.data)
        except msgspec.MsgspecError as exc:
            facts = {"stream": stream, "seq": seq, "detail": str(exc)}
            _log.error("a task that no worker could read is removed", extra=facts)
        else:
            await self._settling.settle(Outcome.failed(job, _given_up()))
        await self._broker.delete(stream, seq)


def _given_up() -> CutwireError:
    return TaskAbandoned("No worker could finish this task; it will not be tried again.")


def _age_s(message: Message, now: float) -> float:
    return now - seconds_of(message.time)
