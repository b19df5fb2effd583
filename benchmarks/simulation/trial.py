"""Is the model right? Real engines, real queues and a real broker, beside what it predicts.

Only the computing is replaced, by sleeps of a known length: where it is the machine that computes,
what else runs on it would be measured. The model is fed with the same arrivals, with the length
of the sleep, and with what a task takes beyond it that is alone; and, a second time, with how long
each task really held its slot, which leaves the waiting to be predicted.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from benchmarks.journal import NoSettlement, make_job, outcome_of
from benchmarks.simulation.events import Simulation
from benchmarks.simulation.figures import BrokerFigures, MachineFigures
from benchmarks.simulation.fleet import Fleet, Plan, percentile
from inference import journal, ledger
from inference.database import Database
from inference.engine import Engine, Lease
from inference.journal import Journal, JournalSettings
from inference.local_engine import LocalEngine, LocalEngineSettings
from inference.worker import Turn, Worker
from protocol.jobs import Job, JobId, Outcome, Pool

SLEEP_MS = 250.0
"""Long beside what else runs on this machine may delay a task by."""
SLOTS = 6
STREAM = "ws.1"

Send = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run, real or modelled, showed."""

    took_ms: Sequence[float]
    length_s: float

    def listed(self) -> dict[str, float]:
        """Sum it up."""
        return {
            "p50_ms": round(percentile(self.took_ms, 0.5), 1),
            "p95_ms": round(percentile(self.took_ms, 0.95), 1),
            "tasks_per_s": round(len(self.took_ms) / self.length_s, 1),
        }


def beside(real: Sequence[Seen], blind: Seen, told: Sequence[Seen]) -> dict[str, Any]:
    """Put medians of runs beside predictions; errors are relative to the runs."""
    measured, predicted, knowing = median_of(real), blind.listed(), median_of(told)
    return {
        "measured": measured,
        "predicted": predicted,
        "error": {name: round(predicted[name] / measured[name] - 1, 3) for name in measured},
        "told": knowing,
        "told_error": {name: round(knowing[name] / measured[name] - 1, 3) for name in measured},
    }


def median_of(runs: Sequence[Seen]) -> dict[str, float]:
    """Sum up several runs."""
    listed = [one.listed() for one in runs]
    return {name: statistics.median(one[name] for one in listed) for name in listed[0]}


def arrivals(per_s: float, count: int, seed: int = 1) -> list[float]:
    """When tasks come: a Poisson process."""
    random = Random(seed)
    times = [random.expovariate(per_s)]
    for _ in range(count - 1):
        times.append(times[-1] + random.expovariate(per_s))
    return times


async def offer(send: Send, times: Sequence[float]) -> Seen:
    """Send tasks at their times, whatever became of those before."""
    begun = time.perf_counter()
    took: list[float] = []

    async def one() -> None:
        sent = time.perf_counter()
        await send()
        took.append((time.perf_counter() - sent) * 1e3)

    async with asyncio.TaskGroup() as group:
        for at in times:
            await asyncio.sleep(max(0.0, begun + at - time.perf_counter()))
            group.create_task(one())
    return Seen(took, time.perf_counter() - begun)


class SleepingRunner:
    """A picture that takes always the same time and no processor."""

    def __init__(self, sleep_ms: float) -> None:
        self._sleep_s = sleep_ms / 1e3

    async def run(self, job: Job, turn: Turn) -> Outcome:
        async with turn:
            await asyncio.sleep(self._sleep_s)
        return outcome_of(job)


class Watched:
    """Engines whose leases tell how long each held its slot, in the order of their beginnings."""

    def __init__(self) -> None:
        self._held_s: list[float] = []
        self._ended = 0
        self._has_ended = asyncio.Event()

    def over(self, engine: Engine) -> Engine:
        """Watch an engine for a worker, which does nothing with it but `work`."""
        return cast(Engine, SimpleNamespace(work=partial(self._work, engine)))

    async def collect(self) -> list[float]:
        """Wait until the last slot is free; return what was seen since the last time."""
        while self._ended < len(self._held_s):
            self._has_ended.clear()
            await self._has_ended.wait()
        seen, self._held_s, self._ended = self._held_s, [], 0
        return seen

    def begin(self) -> int:
        """Note that a slot is taken; return its place in the order."""
        self._held_s.append(0.0)
        return len(self._held_s) - 1

    def end(self, place: int, held_s: float) -> None:
        """Note that it is free."""
        self._held_s[place] = held_s
        self._ended += 1
        self._has_ended.set()

    async def _work(self, engine: Engine, pool: Pool) -> AsyncIterator[Lease]:
        async for lease in engine.work(pool):
            yield cast(Lease, _WatchedLease(lease, self))


class _WatchedLease:
    def __init__(self, lease: Lease, watched: Watched) -> None:
        self.job = lease.job
        self._lease = lease
        self._watched = watched
        self._place = 0
        self._begun = 0.0

    async def begin(self) -> None:
        self._begun, self._place = time.perf_counter(), self._watched.begin()
        await self._lease.begin()

    async def done(self, outcome: Outcome) -> None:
        await self._lease.done(outcome)
        self._watched.end(self._place, time.perf_counter() - self._begun)


@dataclass(frozen=True, slots=True)
class ToldMachine(MachineFigures):
    """One that knows what each task took."""

    core_times_s: Iterator[float] = field(default_factory=lambda: iter(()))

    def core_s(self, random: Random) -> float:
        """Take the next."""
        return next(self.core_times_s)


class Client:
    """Sends jobs and waits for their outcomes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ended: dict[JobId, asyncio.Event] = {}

    async def send(self) -> None:
        """Send one job and wait."""
        job = make_job()
        ended = self._ended[job.id] = asyncio.Event()
        await self._engine.submit([job])
        await ended.wait()

    async def listen(self) -> None:
        """Receive outcomes for ever."""
        async for result in self._engine.results(STREAM):
            self._ended.pop(result.outcome.job.id).set()
            self._engine.forget(STREAM, result.seq)


@asynccontextmanager
async def serving(
    gateway: Engine, workers: Sequence[Engine], sleep_ms: float, watched: Watched
) -> AsyncIterator[Client]:
    """Run workers on their engines until the block ends, and a client of the gateway's."""
    client, runner = Client(gateway), SleepingRunner(sleep_ms)
    listening = asyncio.create_task(client.listen())
    serving = [
        asyncio.create_task(Worker(watched.over(engine), runner, concurrency=SLOTS).run())
        for engine in workers
    ]
    try:
        yield client
    finally:
        for engine in workers:
            await engine.close(0)
        await asyncio.wait(serving)
        listening.cancel()
        await asyncio.wait([listening])


@asynccontextmanager
async def embedded() -> AsyncIterator[tuple[Engine, Sequence[Engine]]]:
    """Open the embedded engine on a journal of its own."""
    with tempfile.TemporaryDirectory(prefix="cutwire-bench-") as folder:
        database = Database(Path(folder) / "trial.sqlite")
        async with database.opened(journal.SCHEMA, ledger.SCHEMA):
            kept = Journal(database, JournalSettings())
            engine = LocalEngine(LocalEngineSettings(), kept, NoSettlement())
            await engine.open()
            yield engine, [engine]


Opens = Callable[[], AbstractAsyncContextManager[tuple[Engine, Sequence[Engine]]]]


async def try_engine(
    opens: Opens, loads: Sequence[float], tasks: int, rounds: int
) -> dict[str, Any]:
    """Offer an engine's workers so much of what they can do, and ask the model the same."""
    found: dict[str, Any] = {}
    async with AsyncExitStack() as stack:
        gateway, workers = await stack.enter_async_context(opens())
        watched = Watched()
        client = await stack.enter_async_context(serving(gateway, workers, SLEEP_MS, watched))
        alone = [(await offer(client.send, [0.0])).took_ms[0] for _ in range(8)]
        added_ms = max(0.0, statistics.median(alone[1:]) - SLEEP_MS)
        found["added_ms"] = round(added_ms, 2)
        for load in loads:
            times = arrivals(load * len(workers) * SLOTS * 1e3 / SLEEP_MS, tasks)
            real, told = [], []
            for _ in range(rounds):
                await watched.collect()
                real.append(await offer(client.send, times))
                told.append(model_of(times, len(workers), added_ms, await watched.collect()))
            blind = model_of(times, len(workers), added_ms)
            found[f"load {load:g}"] = beside(real, blind, told)
    return found


def model_of(
    times: Sequence[float], workers: int, added_ms: float, held_s: Sequence[float] = ()
) -> Seen:
    """Run the same arrivals through the model; it may be told how long each held its slot."""
    simulation = Simulation()
    # The broker of so few tasks is far from busy: what it adds is all that counts.
    broker = BrokerFigures("as measured alone", 1e6, added_ms)
    machine = MachineFigures("sleeps", SLOTS, SLEEP_MS, variation=0.0, slots=SLOTS)
    if held_s:
        left = iter([max(0.0, one - broker.hop_s) for one in held_s])
        machine = ToldMachine("told", SLOTS, SLEEP_MS, slots=SLOTS, core_times_s=left)
    fleet = Fleet(simulation, Plan(machine, workers, broker=broker))
    for at in times:
        simulation.after(at, fleet.submit, "acme")
    simulation.run()
    return Seen([task.took_s * 1e3 for task in fleet.ended], simulation.now)
