"""What does durability cost? Jobs through the embedded engine, on its journal and on none.

python -m benchmarks journal [--quick] [--jobs 5000] [--at-once 32] [--rate 200] [--folder DIR]
    [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.timing import machine, write
from inference import journal, ledger
from inference.database import Database
from inference.engine import EVERYTHING, JobState, Lease
from inference.journal import Journal, JournalSettings
from inference.local_engine import LocalEngine, LocalEngineSettings
from protocol.jobs import Job, JobId, Outcome, Product, Stage, StoredImage
from protocol.tasks import RemoveBackground


class NoJournal:
    """Remembers what it must, in memory: the engine as it would be without a disk."""

    def __init__(self) -> None:
        self._ended: dict[JobId, Outcome] = {}

    async def unfinished(self) -> list[tuple[Job, int]]:
        return []

    async def accept(self, jobs: list[Job]) -> list[bool]:
        return [job.id not in self._ended for job in jobs]

    async def begin(self, job_id: JobId) -> None:
        """Nothing to count for."""

    excuse = begin

    async def settle(self, outcome: Outcome) -> bool:
        self._ended[outcome.job.id] = outcome
        return True

    async def find(self, job_id: JobId) -> JobState | None:
        outcome = self._ended.get(job_id)
        return JobState(outcome.job, outcome) if outcome else None


class NoSettlement:
    """Everything is free."""

    def priced(self, outcome: Outcome) -> Outcome:
        return outcome

    async def settled(self, outcome: Outcome) -> None:
        """Nothing to account for."""


def make_job() -> Job:
    now = time.time()
    return Job(
        tenant="acme",
        task=RemoveBackground(task_uuid=str(uuid.uuid4()), input_image=""),
        images={"inputImage": StoredImage(key=f"in/0123456789abcdef/{uuid.uuid4()}")},
        reply_to="ws.1",
        digest=b"0" * 32,
        submitted_at=now,
        deadline_at=now + 60,
    )


def outcome_of(job: Job) -> Outcome:
    image_uuid = str(uuid.uuid4())
    product = Product(
        image_uuid=image_uuid,
        key=f"out/0123456789abcdef/{image_uuid}",
        media_type="image/png",
        width=1024,
        height=1024,
        size_bytes=1_000_000,
    )
    stages = [Stage("decode", 0, 1_000), Stage("model", 1_000, 20_000)]
    return Outcome(job=job, product=product, stages=stages)


async def serve(engine: LocalEngine) -> None:
    async with asyncio.TaskGroup() as group:
        async for lease in engine.work():
            group.create_task(run(lease))


async def run(lease: Lease) -> None:
    await lease.begin()
    await lease.done(outcome_of(lease.job))


async def drive(engine: LocalEngine, count: int, at_once: int, rate: float) -> list[float]:
    """Send jobs and wait for their results; return how long each took, in ms."""
    await engine.open()
    begun: dict[JobId, float] = {}
    took: list[float] = []
    room = asyncio.Semaphore(at_once)

    async def listen() -> None:
        async for result in engine.results("ws.1"):
            took.append((time.perf_counter() - begun.pop(result.outcome.job.id)) * 1e3)
            engine.forget("ws.1", result.seq)
            room.release()
            if len(took) == count:
                return

    async def send(job: Job) -> None:
        begun[job.id] = time.perf_counter()
        await engine.submit([job])

    serving = asyncio.create_task(serve(engine))
    listening = asyncio.create_task(listen())
    first = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            if rate:
                await asyncio.sleep(max(0.0, first + number / rate - time.perf_counter()))
            await room.acquire()
            group.create_task(send(make_job()))
    await listening
    await engine.close(0)
    await serving
    return took


async def measure(
    name: str, folder: Path, options: argparse.Namespace, *, rate: float
) -> dict[str, float]:
    database = Database(folder / f"{uuid.uuid4()}.sqlite")
    async with database.opened(journal.SCHEMA, ledger.SCHEMA):
        kept = Journal(database, JournalSettings()) if name == "journal" else NoJournal()
        engine = LocalEngine(LocalEngineSettings(), kept, NoSettlement())
        count = options.jobs if not rate else min(options.jobs, int(rate * 10))
        begun = time.perf_counter()
        took = sorted(await drive(engine, count, options.at_once, rate))
        seconds = time.perf_counter() - begun
    engine.forget("ws.1", EVERYTHING)
    return {
        "jobs_per_s": round(count / seconds, 1),
        "p50_ms": round(statistics.median(took), 2),
        "p99_ms": round(took[int(count * 0.99)], 2),
        "rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks journal", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer jobs")
    parser.add_argument("--jobs", type=int, default=5_000)
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--rate", type=float, default=200.0, help="for the latency, jobs/s")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if options.quick:
        options.jobs = min(options.jobs, 1_000)
    found: dict[str, Any] = dict(machine())
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for rate in (0.0, options.rate):
            offered = f"{rate:g}/s offered" if rate else f"{options.at_once} at once"
            for name in ("none", "journal"):
                row = asyncio.run(measure(name, Path(folder), options, rate=rate))
                found[f"{name}, {offered}"] = row
                print(f"{name:8} {offered:14} {row}")
    write(found, options.json)


if __name__ == "__main__":
    main()
