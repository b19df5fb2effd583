"""What does it cost that workers are elsewhere? The embedded engine and NATS JetStream, no models.

python -m benchmarks engines [--quick] [--json FILE] [--nats-server PROGRAM]

Gateway and clients are this process; the workers of JetStream are two more, the embedded engine's
is here. A job is a reference, as in the service. For fairness a model run takes 5 ms for up to 8
jobs: one tenant sends 1,500 at once, then nine tenants send one each every 50 ms.
Two cores or more are wanted; the figures of a busy machine are worth nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil
import uvloop

from benchmarks.nats_server import find_server, running_nats
from inference import journal, ledger
from inference.database import Database
from inference.engine import Engine
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.engine import JetStreamEngine
from inference.jetstream_engine.settings import NatsSettings
from inference.journal import Journal, JournalSettings
from inference.local_engine import LocalEngine, LocalEngineSettings
from inference.worker import Worker
from protocol.jobs import Job, Outcome, Product, StoredImage
from protocol.tasks import RemoveBackground

T = TypeVar("T")
WORKERS = 2
WINDOW = 128
BATCH, BATCH_S = 8, 0.005
MIB = 1024 * 1024
FAIRNESS = LocalEngineSettings(max_queued_per_tenant=100_000)


class NoSettlement:
    """Everything is free."""

    def priced(self, outcome: Outcome) -> Outcome:
        return outcome

    async def settled(self, outcome: Outcome) -> None:
        """Nothing to account for."""


class NoModel:
    """Answers at once, or in batches that take as long as a small model's."""

    def __init__(self, batch_s: float = 0.0) -> None:
        self._batch_s = batch_s
        self._waiting: list[asyncio.Future[None]] = []
        self._is_running = False

    async def run(self, job: Job, turn: AbstractAsyncContextManager[None]) -> Outcome:
        async with turn:
            if self._batch_s:
                await self._batched()
        return Outcome(job=job, product=PRODUCT)

    async def _batched(self) -> None:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if not self._is_running:
            self._is_running = True
            self._task = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            await asyncio.sleep(self._batch_s)
            for done in batch:
                done.set_result(None)
        self._is_running = False


PRODUCT = Product(
    image_uuid=str(uuid.uuid4()),
    key=f"out/0/{uuid.uuid4()}",
    media_type="image/png",
    width=1000,
    height=1000,
    size_bytes=1_000_000,
)


def make_job(tenant: str = "acme", stream: str = "ws.1") -> Job:
    now = time.time()
    task_uuid = str(uuid.uuid4())
    return Job(
        tenant=tenant,
        task=RemoveBackground(task_uuid=task_uuid, input_image=""),
        images={"inputImage": StoredImage(key=f"in/0/{task_uuid}")},
        reply_to=stream,
        submitted_at=now,
        deadline_at=now + 60,
    )


@asynccontextmanager
async def embedded(batch_s: float = 0.0) -> AsyncIterator[Engine]:
    """The embedded engine with a journal on the disk, and its worker."""
    with tempfile.TemporaryDirectory(prefix="cutwire-bench-") as name:
        database = Database(Path(name) / "bench.sqlite")
        async with database.opened(journal.SCHEMA, ledger.SCHEMA):
            record = Journal(database, JournalSettings())
            engine = LocalEngine(FAIRNESS, record, NoSettlement())
            await engine.open()
            work = Worker(engine, NoModel(batch_s), concurrency=32).run()
            working = asyncio.create_task(work)
            yield engine
            await engine.close(30)
            working.cancel()
            await asyncio.wait({working})


@asynccontextmanager
async def jetstream(settings: NatsSettings, batch_s: float = 0.0) -> AsyncIterator[Engine]:
    """A gateway's engine; the workers are other processes."""
    command = [sys.executable, "-m", "benchmarks.engines", "--worker", str(batch_s)]
    command += ["--urls", ",".join(settings.urls)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(WORKERS)]
    try:
        async with Broker(settings, "benchmark").opened() as broker:
            for worker in workers:
                assert worker.stdout is not None
                await asyncio.to_thread(worker.stdout.readline)
            engine = JetStreamEngine(broker, NoSettlement(), FAIRNESS, jobs_life_s=3600)
            await engine.open()
            yield engine
            await engine.close(0)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


async def serve(urls: Sequence[str], batch_s: float) -> None:
    """Be a worker until killed."""
    async with Broker(nats_settings(urls), "benchmark worker").opened() as broker:
        engine = JetStreamEngine(
            broker, NoSettlement(), FAIRNESS, jobs_life_s=3600, pools=["default"]
        )
        await engine.open()
        print("ready", flush=True)
        await Worker(engine, NoModel(batch_s), concurrency=32).run()


def nats_settings(urls: Sequence[str]) -> NatsSettings:
    size = 256 * MIB
    return NatsSettings(
        urls=tuple(urls),
        max_waiting=100_000,
        tasks_bytes=size,
        results_bytes=size,
        jobs_bytes=size,
        usage_bytes=size,
    )


async def one_at_a_time(engine: Engine, count: int) -> dict[str, float]:
    """Submit a job, wait for its result, and again."""
    took = []
    async with aclosing(engine.results("ws.1")) as results:
        waiting = asyncio.ensure_future(anext(results))
        for _ in range(count):
            begun = time.perf_counter()
            await engine.submit([make_job()])
            result = await waiting
            took.append(time.perf_counter() - begun)
            engine.forget("ws.1", result.seq)
            waiting = asyncio.ensure_future(anext(results))
        waiting.cancel()
        await asyncio.wait({waiting})
    return quantiles(took[count // 10 :])


async def many_at_once(engine: Engine, count: int) -> float:
    """Keep a window of jobs under way; return jobs a second."""
    room = asyncio.Semaphore(WINDOW)

    async def send() -> None:
        await engine.submit([make_job(stream="ws.2")])

    async def receive() -> None:
        async with aclosing(engine.results("ws.2")) as results:
            for _ in range(count):
                await anext(results)
                room.release()

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(receive())
        for _ in range(count):
            await room.acquire()
            group.create_task(send())
    return count / (time.perf_counter() - begun)


async def beside_a_flood(engine: Engine, flood: int) -> dict[str, float]:
    """Time the tasks of nine small tenants while a tenth has a long line."""
    submitted: dict[str, float] = {}
    took: list[float] = []

    async def send(tenant: str) -> None:
        job = make_job(tenant, f"ws.{tenant}")
        submitted[job.task.task_uuid] = time.perf_counter()
        await engine.submit([job])

    async def receive(tenant: str) -> None:
        async with aclosing(engine.results(f"ws.{tenant}")) as results:
            for _ in range(10):
                uuid_ = (await anext(results)).outcome.job.task.task_uuid
                took.append(time.perf_counter() - submitted[uuid_])

    small = [f"small{number}" for number in range(9)]
    await engine.submit([make_job("greedy", "ws.greedy") for _ in range(flood)])
    async with asyncio.TaskGroup() as group:
        for tenant in small:
            group.create_task(receive(tenant))
        for _ in range(10):
            for tenant in small:
                group.create_task(send(tenant))
            await asyncio.sleep(0.05)
    return quantiles(took)


def cpu_seconds() -> float:
    """CPU time of this process and of all that it started: gateway, workers and broker."""
    me = psutil.Process()
    return float(sum(sum(one.cpu_times()[:2]) for one in (me, *me.children())))


def quantiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50_ms": round(1e3 * statistics.median(ordered), 2),
        "p99_ms": round(1e3 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 2),
    }


async def measure(settings: NatsSettings, *, is_quick: bool) -> dict[str, Any]:
    singles, many, flood = (100, 1000, 500) if is_quick else (500, 5000, 1500)
    found: dict[str, Any] = {}
    for name, opened in (("embedded", embedded), ("jetstream", lambda *a: jetstream(settings, *a))):
        async with opened() as engine:
            one_by_one = await one_at_a_time(engine, singles)
            before = cpu_seconds()
            rate = await many_at_once(engine, many)
            found[name] = {
                "one_at_a_time": one_by_one,
                "tasks_per_s": round(rate),
                "cpu_ms_per_task": round(1e3 * (cpu_seconds() - before) / many, 3),
            }
        async with opened(BATCH_S) as engine:
            found[name]["small_tenants_beside_a_flood"] = await beside_a_flood(engine, flood)
    added = [found[name]["one_at_a_time"]["p50_ms"] for name in ("jetstream", "embedded")]
    found["added_p50_ms"] = round(added[0] - added[1], 2)
    return found


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run on the loop that the service runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; `--json` also writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks engines", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer tasks: does it work at all?")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--nats-server", default="", help="the server's program")
    parser.add_argument("--worker", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--urls", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker is not None:
        run(serve(options.urls.split(","), options.worker))
        return
    program = find_server(options.nats_server)
    with running_nats(program) as url:
        found = run(measure(nats_settings([url]), is_quick=options.quick))
    found["machine"] = f"{platform.machine()}, Python {platform.python_version()}"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    found["nats"] = said.stdout.strip()
    text = json.dumps(found, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
