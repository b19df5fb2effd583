"""The Engine over NATS JetStream: gateways hand tasks over, workers on other hosts take them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from inference.engine import Accepted, JobState, Lease, Refused, Result, Settles, Stats
from inference.jetstream_engine import topology
from inference.jetstream_engine.broker import Broker, Refusal
from inference.jetstream_engine.control import Cancelling
from inference.jetstream_engine.followers import Followers
from inference.jetstream_engine.gauging import gauge
from inference.jetstream_engine.health import Pulse, risks
from inference.jetstream_engine.held import Held
from inference.jetstream_engine.janitor import Janitor
from inference.jetstream_engine.jobs import Jobs
from inference.jetstream_engine.mending import Mender
from inference.jetstream_engine.outstanding import Outstanding
from inference.jetstream_engine.publisher import Publisher
from inference.jetstream_engine.reader import Reader
from inference.jetstream_engine.settling import Settling
from inference.jetstream_engine.workbench import Workbench
from inference.local_engine import LocalEngineSettings
from protocol.errors import StorageUnavailable
from protocol.jobs import Job, JobId, Outcome, Pool

_log = logging.getLogger(__name__)


class JetStreamEngine:
    """One gateway's or worker's part of it; a process may be both, and any number may be there.

    The broker's connection belongs to who gives it: it must be open before `open`, and after
    `close` for as long as results are read.
    """

    def __init__(
        self,
        broker: Broker,
        settlement: Settles,
        fairness: LocalEngineSettings,
        *,
        jobs_life_s: float,
        pools: Sequence[str] = (),
    ) -> None:
        self._broker = broker
        self._is_worker = bool(pools)
        jobs, outstanding = Jobs(broker), Outstanding()
        reader = Reader(broker, outstanding)
        settling = Settling(broker, jobs, settlement, reader.saw)
        self._jobs = jobs
        self._pulse = Pulse(broker)
        self._reader = reader
        self._publisher = Publisher(
            broker, jobs, outstanding, self._pulse, fairness.interactive_per_tenant
        )
        self._followers = Followers(broker, jobs, reader.saw)
        self._cancelling = Cancelling(broker, jobs, settling)
        self._bench = Workbench(broker, jobs, settling, pools, fairness)
        self._janitor = Janitor(broker, jobs, settling, jobs_life_s)
        self._wanted = topology.wanted(broker.settings, jobs_life_s)
        self._mender = Mender(broker, self._wanted)
        self._parts: list[asyncio.Task[None]] = []

    @property
    def janitor(self) -> Janitor:
        """Sweeps on its own; may be told to."""
        return self._janitor

    @property
    def running(self) -> int:
        """Count the tasks in work here."""
        return len(self._bench.running)

    def trouble(self) -> str:
        """Say why nothing can be taken now; empty: it can."""
        if any(part.done() for part in self._parts):
            return "a part of the engine has stopped"
        return self._pulse.trouble()

    async def open(self) -> None:
        """Make what the broker lacks, warn of what it could lose, and begin."""
        await self._set_up()
        async for risk in risks(self._broker):
            _log.warning("acknowledged tasks are not safe", extra={"detail": risk})
        if self._is_worker:
            await self._cancelling.serve(self._bench.drop_cancelled)
        parts = (
            self._followers.run(),
            self._janitor.run(),
            self._pulse.run(),
            self._mender.run(),
        )
        self._parts = [asyncio.create_task(part, name="a part of the engine") for part in parts]
        for part in self._parts:
            part.add_done_callback(_report_crash)

    async def close(self, drain_s: float) -> None:
        """Refuse new jobs; let those in work here finish in time; others take the rest."""
        await self._publisher.close()
        await self._bench.close(drain_s)
        for part in self._parts:
            part.cancel()
        if self._parts:
            await asyncio.wait(self._parts)
        self._parts.clear()

    async def submit(self, jobs: Sequence[Job]) -> list[Accepted | Refused]:
        """Take jobs, each on its own."""
        return await self._publisher.submit(jobs)

    async def find(self, job_id: JobId, *, follow: str = "") -> JobState | None:
        """Tell the state of a job, and promise its outcome to a stream."""
        state = await self._broker.patiently(lambda: self._jobs.find(job_id))
        if state is None or state.outcome is not None or follow in ("", state.job.reply_to):
            return state
        known = state
        return await self._broker.patiently(lambda: self._followers.follow(known, follow))

    def results(self, stream: str, after: int = 0) -> AsyncGenerator[Result]:
        """Yield the stream's results after a sequence number, then live ones."""
        return self._reader.read(stream, after)

    def watch_results(self, told: Callable[[Outcome], None]) -> None:
        """Have it told of every outcome that is read here."""
        self._reader.watch(told)

    def forget(self, stream: str, upto: int) -> None:
        """Drop results that the client has."""
        self._reader.forget(stream, upto)

    async def cancel(self, job_ids: Sequence[JobId]) -> int:
        """End jobs that nobody has begun, and that no stream was promised here."""
        unasked = [job_id for job_id in job_ids if not self._followers.promised(job_id)]
        return await self._cancelling.cancel(unasked)

    async def work(self, pool: Pool = "compute") -> AsyncIterator[Lease]:
        """Yield jobs to run; ends after close when nothing runs."""
        await self._bench.start(pool)
        while (held := await self._bench.next(pool)) is not None:
            yield _JetStreamLease(held, self._bench)

    async def stats(self) -> Stats:
        """Tell how busy the whole cluster is; nothing is known while the broker is away."""
        try:
            return await gauge(self._broker, self._bench.running, self._bench.held)
        except (StorageUnavailable, Refusal):
            return Stats({}, len(self._bench.running), 0.0)

    async def _set_up(self) -> None:
        try:
            async with contextlib.aclosing(topology.set_up(self._broker, self._wanted)) as changes:
                async for change in changes:
                    _tell(change)
        except Refusal as refusal:
            raise StorageUnavailable(
                f"The NATS server refuses what the service needs: {refusal}. "
                "`cutwire engine setup` says more."
            ) from refusal


@dataclass(frozen=True, slots=True)
class _JetStreamLease:
    """A job in the hands of this process's worker."""

    held: Held
    bench: Workbench

    @property
    def job(self) -> Job:
        """What to do."""
        return self.held.job

    @property
    def attempt(self) -> int:
        """Which delivery this is, from 1."""
        return self.held.attempt

    async def begin(self) -> None:
        """Count this try."""
        await self.bench.begin(self.held)

    async def done(self, outcome: Outcome) -> None:
        """Write the outcome down and deliver it."""
        await self.bench.finish(self.held, outcome)

    async def fail(self, delay_s: float) -> None:
        """Give the job back, to be tried again after a delay."""
        await self.bench.give_back(self.held, delay_s)


def _tell(change: topology.Change) -> None:
    if change.step == "differs":
        differences = {
            key: f"{is_} instead of {should}" for key, (is_, should) in (change.differences.items())
        }
        _log.warning(
            "%s at the broker is not as set here; `cutwire engine setup --update` alters it",
            change.name,
            extra={"detail": differences},
        )
    elif change.step != "is there":
        _log.info("%s: %s", change.name, change.step)


def _report_crash(part: asyncio.Task[None]) -> None:
    if not part.cancelled() and part.exception() is not None:
        _log.critical("%s stopped", part.get_name(), exc_info=part.exception())
