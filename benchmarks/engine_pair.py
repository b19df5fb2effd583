"""The two engines with nothing to compute: the embedded one, and JetStream's with two workers.

A job is a reference, as in the service, and its outcome too. `python -m benchmarks.engine_pair URL
WORK` is one worker, until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvloop

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
STREAM_BYTES = 256 * 1024 * 1024
FAIRNESS = LocalEngineSettings(max_queued_per_tenant=100_000)
PRODUCT = Product(
    image_uuid=str(uuid.uuid4()),
    key=f"out/0/{uuid.uuid4()}",
    media_type="image/png",
    width=1000,
    height=1000,
    size_bytes=1_000_000,
)


@dataclass(frozen=True)
class Work:
    """What a worker does."""

    run_s: float = 0.0
    """What a run takes, give or take a third; 0: nothing is run."""
    batch: int = 1
    """Jobs in a run. Runs of one go side by side, larger ones one after another."""
    places: int = 32
    """Jobs in work at once."""
    prefetch: int = NatsSettings().prefetch


NOTHING = Work()


class NoSettlement:
    """Everything is free."""

    def priced(self, outcome: Outcome) -> Outcome:
        return outcome

    async def settled(self, outcome: Outcome) -> None:
        """Nothing to account for."""


class NoModel:
    """Answers at once, or after as long as a model would take."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._waiting: list[asyncio.Future[None]] = []
        self._is_running = False

    async def run(self, job: Job, turn: AbstractAsyncContextManager[None]) -> Outcome:
        async with turn:
            if self._work.batch > 1:
                await self._batched()
            elif self._work.run_s:
                await self._pass()
        return Outcome(job=job, product=PRODUCT)

    async def _pass(self) -> None:
        await asyncio.sleep(self._work.run_s * random.uniform(2 / 3, 4 / 3))

    async def _batched(self) -> None:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if not self._is_running:
            self._is_running = True
            self._running = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        while self._waiting:
            batch = self._waiting[: self._work.batch]
            del self._waiting[: self._work.batch]
            await self._pass()
            for done in batch:
                done.set_result(None)
        self._is_running = False


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
async def embedded(work: Work = NOTHING) -> AsyncIterator[Engine]:
    """The embedded engine with a journal on the disk, and its worker."""
    with tempfile.TemporaryDirectory(prefix="cutwire-bench-") as name:
        database = Database(Path(name) / "bench.sqlite")
        async with database.opened(journal.SCHEMA, ledger.SCHEMA):
            record = Journal(database, JournalSettings())
            engine = LocalEngine(FAIRNESS, record, NoSettlement())
            await engine.open()
            worker = Worker(engine, NoModel(work), concurrency=work.places)
            working = asyncio.create_task(worker.run())
            yield engine
            await engine.close(30)
            working.cancel()
            await asyncio.wait({working})


@asynccontextmanager
async def jetstream(url: str, work: Work = NOTHING) -> AsyncIterator[Engine]:
    """A gateway's engine; the workers are other processes."""
    command = [sys.executable, "-m", "benchmarks.engine_pair", url, json.dumps(asdict(work))]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(WORKERS)]
    try:
        async with Broker(nats_settings(url), "benchmark").opened() as broker:
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


def nats_settings(url: str, **more: Any) -> NatsSettings:
    return NatsSettings(
        urls=(url,),
        max_waiting=100_000,
        tasks_bytes=STREAM_BYTES,
        results_bytes=STREAM_BYTES,
        jobs_bytes=STREAM_BYTES,
        usage_bytes=STREAM_BYTES,
        **more,
    )


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run on the loop that the service runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


async def _serve(url: str, work: Work) -> None:
    settings = nats_settings(url, prefetch=work.prefetch)
    async with Broker(settings, "benchmark worker").opened() as broker:
        engine = JetStreamEngine(
            broker, NoSettlement(), FAIRNESS, jobs_life_s=3600, pools=["default"]
        )
        await engine.open()
        print("ready", flush=True)
        await Worker(engine, NoModel(work), concurrency=work.places).run()


if __name__ == "__main__":
    run(_serve(sys.argv[1], Work(**json.loads(sys.argv[2]))))
