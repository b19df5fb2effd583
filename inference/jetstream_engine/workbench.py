"""What this worker has in hand: tasks that wait for their turn here, and those in work."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec
from nats.aio.msg import Msg

from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.credit import Credit
from inference.jetstream_engine.heartbeat import Heartbeat
from inference.jetstream_engine.held import ACK, TERM, Held, acknowledge, hand_back
from inference.jetstream_engine.jobs import Jobs
from inference.jetstream_engine.puller import Puller, Pullers
from inference.jetstream_engine.settling import Settling
from inference.jetstream_engine.tries import Tries
from inference.local_engine import LocalEngineSettings
from inference.local_engine.lines import Lines
from protocol.errors import StorageUnavailable
from protocol.jobs import Job, JobId, Outcome, Pool

RETRY_S = 1.0
REMEMBER_CANCELLED_S = 600.0

_DECODER = msgspec.msgpack.Decoder(Job)
_log = logging.getLogger(__name__)


class Workbench:
    """Takes tasks from the broker, keeps them alive there, and settles them."""

    def __init__(
        self,
        broker: Broker,
        jobs: Jobs,
        settling: Settling,
        pools: Sequence[str],
        fairness: LocalEngineSettings,
    ) -> None:
        self._broker = broker
        self._settling = settling
        self._tries = Tries(jobs, settling, broker.settings.max_tries)
        self._pools = pools
        self._heartbeat = Heartbeat(broker.settings)
        self._pullers = Pullers(broker)
        self._kinds: set[Pool] = set()
        # The lane of a task was chosen where it was taken in.
        fairness = msgspec.structs.replace(
            fairness, interactive_per_tenant=sys.maxsize, suspects_wait_s=0.0
        )
        self._lines = Lines(fairness, time.monotonic)
        self._held: dict[JobId, Held] = {}
        self._running: set[JobId] = set()
        self._credit = Credit(broker.settings.prefetch)
        self._examining: set[asyncio.Task[None]] = set()
        self._cancelled: dict[JobId, float] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self.closing = asyncio.Event()

    @property
    def running(self) -> list[Held]:
        """What is in work."""
        return [self._held[job_id] for job_id in self._running]

    @property
    def held(self) -> int:
        """Count what is in hand."""
        return len(self._held)

    async def start(self, kind: Pool) -> None:
        """Begin to take tasks of a kind."""
        if kind in self._kinds or self.closing.is_set():
            return
        self._kinds.add(kind)
        self._heartbeat.start()
        for pool in self._pools:
            for lane in names.LANES:
                await self._pull(names.tasks_stream(pool), names.consumer(pool, kind, lane))

    async def next(self, kind: Pool) -> Held | None:
        """Wait for the task whose turn it is; None after the end."""
        while True:
            job = self._lines.take(kind, len(self._running))
            if job is not None:
                return self._take(self._held[job.id])
            if self.closing.is_set() and not self._running:
                return None
            await self._lines.grown(kind)

    async def begin(self, held: Held) -> None:
        """Count a try."""
        await self._tries.begin(held)

    async def finish(self, held: Held, outcome: Outcome) -> None:
        """End a task in work; tried until the broker has it, or this worker stops."""
        if held.is_ending or held.job.id not in self._running:
            return
        held.is_ending = True
        while not await self._is_settled(outcome):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S):
                    await self.closing.wait()
            if self.closing.is_set():
                await hand_back(self._broker, held)
                break
        else:
            await acknowledge(self._broker, held)
        self._leave(held)

    async def give_back(self, held: Held, delay_s: float) -> None:
        """Let a task be handed out again."""
        if held.is_ending or self._held.get(held.job.id) is not held:
            return
        self._leave(held)
        await hand_back(self._broker, held, delay_s)

    def drop_cancelled(self, job_ids: Sequence[JobId]) -> tuple[list[JobId], list[JobId]]:
        """Let go of cancelled tasks, also of those still to come; tell which run and which left."""
        now = time.monotonic()
        self._cancelled = {i: until for i, until in self._cancelled.items() if until > now}
        running = [job_id for job_id in job_ids if job_id in self._running]
        wanted = set(job_ids).difference(running)
        self._cancelled.update(dict.fromkeys(wanted, now + REMEMBER_CANCELLED_S))
        dropped = [job.id for job in self._lines.remove(lambda job: job.id in wanted)]
        for job_id in dropped:
            self._free(self._held[job_id])
            self._leave(self._held[job_id])
        return running, dropped

    async def close(self, drain_s: float) -> None:
        """Take no more, give back what waits, let what runs finish in time, give back the rest."""
        self.closing.set()
        await self._pullers.stop()
        for task in self._examining:
            task.cancel()
        for held in [held for held in self._held.values() if held.job.id not in self._running]:
            await self.give_back(held, 0)
        self._lines.remove(lambda _: True)
        self._lines.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._idle.wait()
        for held in self.running:
            await self._tries.excuse(held)
            await self.give_back(held, 0)
        await self._heartbeat.stop()
        self._lines.wake()

    async def _pull(self, stream: str, consumer: str) -> None:
        def told(message: Msg) -> None:
            self._receive(message, stream, consumer)

        def room() -> int:
            return self._credit.of(consumer)

        await self._pullers.add(Puller(self._broker, stream, consumer, room, told))

    def _receive(self, message: Msg, stream: str, consumer: str) -> None:
        if self.closing.is_set():
            return  # its time runs out, or the connection's end gives it back
        metadata = message.metadata
        try:
            job = _DECODER.decode(message.data)
        except msgspec.MsgspecError:
            _log.error("a task cannot be read", extra={"detail": message.subject})
            self._soon(self._broker.tell(message.reply, TERM))
            return
        seq, attempt = metadata.sequence.stream, metadata.num_delivered or 1
        known = self._held.get(job.id)
        if known is not None:
            self._receive_again(known, seq, attempt, message.reply)
            return
        held = Held(job, stream, seq, consumer, attempt, message.reply)
        if job.id in self._cancelled:
            self._soon(self._broker.tell(held.address, ACK))
            return
        self._hold(held)
        if attempt == 1:
            self._lines.put(job)
        else:
            self._soon(self._examine(held))

    def _receive_again(self, known: Held, seq: int, attempt: int, address: str) -> None:
        """Take note of a new address; another message of the same job is not needed."""
        if seq != known.seq:
            self._soon(self._broker.tell(address, ACK))
            return
        known.attempt, known.address = attempt, address
        self._heartbeat.hold(known.job.id, address)

    async def _examine(self, held: Held) -> None:
        """Look at a task that was handed out before."""
        try:
            verdict = await self._tries.judge(held)
        except StorageUnavailable:
            self._free(held)
            await self.give_back(held, RETRY_S)
            return
        if verdict == "ended":
            self._free(held)
            await acknowledge(self._broker, held)
            self._leave(held)
        elif self._held.get(held.job.id) is held:  # else it was cancelled meanwhile
            (self._lines.put_suspect if verdict == "suspect" else self._lines.put)(held.job)

    def _hold(self, held: Held) -> None:
        self._held[held.job.id] = held
        self._heartbeat.hold(held.job.id, held.address)
        self._credit.use(held.lane)

    def _take(self, held: Held) -> Held:
        self._running.add(held.job.id)
        self._idle.clear()
        self._free(held)
        return held

    def _free(self, held: Held) -> None:
        """Let another task wait in the place of one that waits no longer."""
        self._credit.give_back(held.lane)
        self._pullers.wake()

    def _leave(self, held: Held) -> None:
        self._held.pop(held.job.id, None)
        self._heartbeat.drop(held.job.id)
        if held.job.id not in self._running:
            return
        self._running.remove(held.job.id)
        self._lines.left(held.job)
        if not self._running:
            self._idle.set()
            if self.closing.is_set():
                self._lines.wake()

    async def _is_settled(self, outcome: Outcome) -> bool:
        try:
            await self._settling.settle(outcome)
        except StorageUnavailable as error:
            facts = {"task_uuid": outcome.job.task.task_uuid, "detail": error.detail}
            _log.warning("outcome not written", extra=facts)
            return False
        return True

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._examining.add(task)
        task.add_done_callback(self._examining.discard)
