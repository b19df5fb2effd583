"""Engines on real NATS servers. Servers are shared, and emptied before each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from brokers import SMALL, Door, NatsServer, binary, newest
from fakes import RecordedSettlement

from inference.engine import Settles
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.engine import JetStreamEngine
from inference.jetstream_engine.settings import NatsSettings
from inference.local_engine import LocalEngineSettings

JOBS_LIFE_S = 24 * 3600.0
Start = Callable[..., Awaitable[JetStreamEngine]]
Connect = Callable[..., Awaitable[Broker]]


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """The newest server there is."""
    server = NatsServer(tmp_path_factory.mktemp("nats"), newest())
    yield server
    server.stop()


@pytest.fixture
def synced_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that syncs every write; only newer ones can."""
    server = NatsServer(tmp_path, binary("2.10"), options="sync_interval: always")
    yield server
    server.stop()


@pytest.fixture
def nats_settings(nats_server: NatsServer) -> NatsSettings:
    """Settings for the shared server."""
    return NatsSettings(urls=(nats_server.url,), **SMALL)


@pytest.fixture
async def connect(nats_settings: NatsSettings) -> AsyncIterator[Connect]:
    """Connect to the broker, emptied at the first connection."""
    async with AsyncExitStack() as stack:
        is_first = True

        async def connect(**changes: Any) -> Broker:
            nonlocal is_first
            settings = NatsSettings(
                **{name: getattr(nats_settings, name) for name in nats_settings.__struct_fields__}
                | changes
            )
            broker = await stack.enter_async_context(Broker(settings, "test").opened())
            if is_first:
                await empty(broker)
                is_first = False
            return broker

        yield connect


@pytest.fixture
async def doors(nats_server: NatsServer) -> AsyncIterator[Callable[[], Awaitable[Door]]]:
    """Make ways to the server that can be shut."""
    made: list[Door] = []

    async def make() -> Door:
        made.append(Door(nats_server.port))
        await made[-1].open()
        return made[-1]

    yield make
    for door in made:
        await door.stop()


@pytest.fixture
async def door(doors: Callable[[], Awaitable[Door]]) -> Door:
    """A way to the server that can be shut."""
    return await doors()


@pytest.fixture
async def start(connect: Connect) -> AsyncIterator[Start]:
    """Start an engine that is a gateway and a worker; each has a connection of its own."""
    async with AsyncExitStack() as stack:

        async def start(
            *,
            settlement: Settles | None = None,
            pools: tuple[str, ...] = ("default",),
            fairness: LocalEngineSettings | None = None,
            routes: dict[str, str] | None = None,
            door: Door | None = None,
            **changes: Any,
        ) -> JetStreamEngine:
            if routes is not None:
                changes["pools"] = routes
            if door is not None:
                changes["urls"] = (door.url,)
            engine = JetStreamEngine(
                await connect(**changes),
                settlement or RecordedSettlement(),
                fairness or LocalEngineSettings(),
                jobs_life_s=JOBS_LIFE_S,
                pools=pools,
            )
            stack.push_async_callback(engine.close, 0)
            await engine.open()
            return engine

        yield start


@pytest.fixture
async def engine(start: Start) -> JetStreamEngine:
    """An engine with all settings as they are by default."""
    return await start()


@pytest.fixture
async def next_run(
    start: Start, doors: Callable[[], Awaitable[Door]]
) -> Callable[[], Awaitable[JetStreamEngine]]:
    """Start an engine; the one before is cut off from the broker, as a crash would do."""
    way: list[Door] = []

    async def next_run() -> JetStreamEngine:
        if way:
            way.pop().shut()
        way.append(await doors())
        return await start(door=way[0], ack_wait_s=0.3)

    return next_run


async def empty(broker: Broker) -> None:
    """Remove what an earlier test made; purged streams would still know its message ids."""
    for stream in (await broker.call("STREAM.NAMES", {})).get("streams") or []:
        await broker.call(f"STREAM.DELETE.{stream}")
