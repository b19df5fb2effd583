"""A real broker for the trial: a nats-server of its own, a gateway, and workers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import psutil

from benchmarks.journal import NoSettlement
from benchmarks.nats_server import running_nats
from benchmarks.simulation.trial import Seen, Watched, offer, serving, try_engine
from inference.engine import Engine
from inference.local_engine import LocalEngineSettings

MIB = 1024 * 1024
WORKERS = 2


@asynccontextmanager
async def on_broker(url: str) -> AsyncIterator[tuple[Engine, Sequence[Engine]]]:
    """Open a gateway and workers, each with a connection of its own, all in this process."""
    from inference.jetstream_engine.broker import Broker
    from inference.jetstream_engine.engine import JetStreamEngine
    from inference.jetstream_engine.settings import NatsSettings

    settings = NatsSettings(
        urls=(url,),
        tasks_bytes=256 * MIB,
        results_bytes=256 * MIB,
        jobs_bytes=256 * MIB,
        usage_bytes=256 * MIB,
    )
    async with AsyncExitStack() as stack:

        async def start(name: str, pools: Sequence[str]) -> JetStreamEngine:
            broker = await stack.enter_async_context(Broker(settings, name).opened())
            engine = JetStreamEngine(
                broker, NoSettlement(), LocalEngineSettings(), jobs_life_s=3_600.0, pools=pools
            )
            await engine.open()
            return engine

        gateway = await start("gateway", ())
        stack.push_async_callback(gateway.close, 0)
        yield gateway, [await start(f"worker-{n}", ("default",)) for n in range(WORKERS)]


async def try_broker(
    program: str, loads: Sequence[float], tasks: int, rounds: int
) -> dict[str, Any]:
    """Compare at some loads."""
    with running_nats(program) as url:
        return await try_engine(partial(on_broker, url), loads, tasks, rounds)


async def try_empty(program: str, tasks: int) -> dict[str, float]:
    """See what the broker does when workers have nothing to do."""
    with running_nats(program) as url:
        return await flat_out(url, tasks)


async def flat_out(url: str, tasks: int) -> dict[str, float]:
    """Hand tasks over as fast as they are taken: all of Python's share is in this process."""
    async with AsyncExitStack() as stack:
        gateway, workers = await stack.enter_async_context(on_broker(url))
        client = await stack.enter_async_context(serving(gateway, workers, 0.0, Watched()))
        await offer(client.send, [0.0] * 50)
        (server,) = (one for one in psutil.Process().children() if "nats" in one.name())
        before, ours = cpu_s(server), time.process_time()
        seen: Seen = await offer(client.send, [0.0] * tasks)
        return {
            "tasks_per_s": round(tasks / seen.length_s, 1),
            "server_cpu_us_per_task": round((cpu_s(server) - before) / tasks * 1e6, 1),
            "client_cpu_us_per_task": round((time.process_time() - ours) / tasks * 1e6, 1),
        }


def cpu_s(process: psutil.Process) -> float:
    """The processor time that a process has had."""
    return sum(process.cpu_times()[:2])
