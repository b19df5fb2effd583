"""What does it cost that workers are elsewhere? The embedded engine and NATS JetStream, no models.

python -m benchmarks engines [--quick] [--json FILE] [--nats-server PROGRAM]

Gateway and clients are this process; the workers of JetStream are two more, the embedded engine's
is here. For fairness a run takes 5 ms for up to 8 jobs: one tenant sends 1,500 at once, then nine
tenants send one each every 50 ms. For `nats.prefetch` two workers with four places, and 60 ms a
job, are offered 80 % of what they can do, at random moments.
Two cores or more are wanted; the figures of a busy machine are worth nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.engine_pair import WORKERS, Work, embedded, jetstream, make_job, run
from benchmarks.nats_server import find_server, running_nats
from benchmarks.timing import machine, write
from inference.engine import Engine

WINDOW = 128
MODEL = Work(run_s=0.005, batch=8)
PREFETCHES = (2, 4, 8, 16)
PLACES, PLACE_S = 4, 0.06
Opened = Callable[..., AbstractAsyncContextManager[Engine]]


async def one_at_a_time(engine: Engine, count: int) -> dict[str, float]:
    """Submit a job, wait for its result, and again."""
    took, stream = [], new_stream()
    async with aclosing(engine.results(stream)) as results:
        waiting = asyncio.ensure_future(anext(results))
        for _ in range(count):
            begun = time.perf_counter()
            await engine.submit([make_job(stream=stream)])
            result = await waiting
            took.append(time.perf_counter() - begun)
            engine.forget(stream, result.seq)
            waiting = asyncio.ensure_future(anext(results))
        waiting.cancel()
        await asyncio.wait({waiting})
    return quantiles(took[count // 10 :])


async def many_at_once(engine: Engine, count: int) -> float:
    """Keep a window of jobs under way; return jobs a second."""
    room, stream = asyncio.Semaphore(WINDOW), new_stream()

    async def send() -> None:
        await engine.submit([make_job(stream=stream)])

    async def receive() -> None:
        async with aclosing(engine.results(stream)) as results:
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
    took: list[float] = []
    small = [f"small{number}" for number in range(9)]
    stream = new_stream()
    await engine.submit([make_job("greedy", stream) for _ in range(flood)])
    async with _timed(engine, small, 10, took) as send:
        for _ in range(10):
            for tenant in small:
                send(tenant)
            await asyncio.sleep(0.05)
    return quantiles(took)


async def at_random(engine: Engine, count: int, per_s: float) -> dict[str, float]:
    """Time tasks of ten tenants that come at random moments."""
    took: list[float] = []
    tenants = [f"tenant{number}" for number in range(10)]
    async with _timed(engine, tenants, count // len(tenants), took) as send:
        due = time.perf_counter()
        for number in range(count):
            due += random.expovariate(per_s)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            send(tenants[number % len(tenants)])
    return quantiles(took)


@asynccontextmanager
async def _timed(
    engine: Engine, tenants: Sequence[str], each: int, took: list[float]
) -> AsyncIterator[Callable[[str], object]]:
    """Give what sends a task of a tenant; all of them have ended when the block has."""
    submitted: dict[str, float] = {}
    streams = {tenant: new_stream() for tenant in tenants}

    async def send(tenant: str) -> None:
        job = make_job(tenant, streams[tenant])
        submitted[job.task.task_uuid] = time.perf_counter()
        await engine.submit([job])

    async def receive(tenant: str) -> None:
        async with aclosing(engine.results(streams[tenant])) as results:
            for _ in range(each):
                task_uuid = (await anext(results)).outcome.job.task.task_uuid
                took.append(time.perf_counter() - submitted[task_uuid])

    async with asyncio.TaskGroup() as group:
        for tenant in tenants:
            group.create_task(receive(tenant))
        yield lambda tenant: group.create_task(send(tenant))


def new_stream() -> str:
    """Name a stream that has nothing of earlier measurements in it."""
    return f"ws.{uuid.uuid4()}"


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


async def measure_engine(opened: Opened, *, is_quick: bool) -> dict[str, Any]:
    """Measure one of the engines."""
    singles, many, flood = (100, 1000, 500) if is_quick else (500, 5000, 1500)
    async with opened() as engine:
        one_by_one = await one_at_a_time(engine, singles)
        before = cpu_seconds()
        rate = await many_at_once(engine, many)
        cpu_s = cpu_seconds() - before
    async with opened(MODEL) as engine:
        fairness = await beside_a_flood(engine, flood)
    return {
        "one_at_a_time": one_by_one,
        "tasks_per_s": round(rate),
        "cpu_ms_per_task": round(1e3 * cpu_s / many, 3),
        "small_tenants_beside_a_flood": fairness,
    }


async def measure_prefetch(opened: Opened, *, is_quick: bool) -> dict[str, dict[str, float]]:
    """Measure what it changes how many tasks a worker holds ahead."""
    count = 300 if is_quick else 2000
    per_s = 0.8 * WORKERS * PLACES / PLACE_S
    found = {}
    for prefetch in PREFETCHES:
        async with opened(Work(PLACE_S, places=PLACES, prefetch=prefetch)) as engine:
            found[str(prefetch)] = await at_random(engine, count, per_s)
        async with opened(Work(prefetch=prefetch)) as engine:
            found[str(prefetch)]["idle_tasks_per_s"] = round(await many_at_once(engine, count))
    return found


async def measure(url: str, *, is_quick: bool) -> dict[str, Any]:
    """Measure both."""

    def remote(*work: Work) -> AbstractAsyncContextManager[Engine]:
        return jetstream(url, *work)

    found: dict[str, Any] = {
        "embedded": await measure_engine(embedded, is_quick=is_quick),
        "jetstream": await measure_engine(remote, is_quick=is_quick),
        "by_prefetch": await measure_prefetch(remote, is_quick=is_quick),
    }
    added = [found[name]["one_at_a_time"]["p50_ms"] for name in ("jetstream", "embedded")]
    found["added_p50_ms"] = round(added[0] - added[1], 2)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; `--json` also writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks engines", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer tasks: does it work at all?")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--nats-server", default="", help="the server's program")
    options = parser.parse_args(arguments)
    program = find_server(options.nats_server)
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    found = machine() | {"nats": said.stdout.strip()}
    with running_nats(program) as url:
        found |= run(measure(url, is_quick=options.quick))
    print(json.dumps(found, indent=1))
    write(found, options.json)


if __name__ == "__main__":
    main()
