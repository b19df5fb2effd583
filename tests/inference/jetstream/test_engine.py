"""The engine on NATS JetStream: the rules of every engine, on real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from brokers import SMALL, NatsCluster, NatsServer, binary, newest
from engine_suite import EngineSuite
from fakes import PATIENCE_S, RecordedSettlement

from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.engine import JetStreamEngine
from inference.jetstream_engine.settings import NatsSettings
from inference.jetstream_engine.topology import set_up, wanted
from inference.local_engine import LocalEngineSettings

LIFE_S = 3600.0


class TestEveryEngine(EngineSuite):
    """The suite, run on the newest server that is there."""


@pytest.mark.slow
class TestOnTheOldestServer(EngineSuite):
    """The suite, run on the server whose features the engine keeps to."""

    @pytest.fixture(scope="class")
    @classmethod
    def nats_server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
        server = NatsServer(tmp_path_factory.mktemp("old"), binary("2.9"))
        yield server
        server.stop()


@pytest.mark.slow
class TestOnTheNextServer(EngineSuite):
    """The suite, run on the server that Debian's next release will have."""

    @pytest.fixture(scope="class")
    @classmethod
    def nats_server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
        server = NatsServer(tmp_path_factory.mktemp("next"), binary("next"))
        yield server
        server.stop()


@pytest.mark.slow
class TestOnThreeServers(EngineSuite):
    """The suite, run on a cluster that keeps three copies. Its streams are emptied between tests.

    An emptied stream still knows the ids of its messages for a while: here that is a short one.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def settings(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsSettings]:
        cluster = NatsCluster(tmp_path_factory.mktemp("three"), newest())
        settings = NatsSettings(
            urls=tuple(cluster.urls), replicas=3, duplicate_window_s=0.2, **SMALL
        )
        asyncio.run(_set_up(settings))
        yield settings
        cluster.stop()

    @pytest.fixture
    async def engine(self, settings: NatsSettings) -> AsyncIterator[JetStreamEngine]:
        async with Broker(settings, "test").opened() as broker:
            for stream in (await broker.call("STREAM.NAMES", {}))["streams"]:
                await broker.call(f"STREAM.PURGE.{stream}", {})
                await _are_level(broker, stream)
            await asyncio.sleep(0.5)
            engine = JetStreamEngine(
                broker,
                RecordedSettlement(),
                LocalEngineSettings(),
                jobs_life_s=LIFE_S,
                pools=["default"],
            )
            await engine.open()
            yield engine
            await engine.close(0)

    @pytest.fixture
    def next_run(self) -> None:
        pytest.skip("cut off from one of three servers, an engine goes to the next")


async def _set_up(settings: NatsSettings) -> None:
    async with Broker(settings, "test").opened() as broker:
        async for _ in set_up(broker, wanted(settings, LIFE_S)):
            pass


async def _are_level(broker: Broker, stream: str) -> None:
    """Wait until every copy of a stream is as the leader's."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            cluster = (await broker.call(f"STREAM.INFO.{stream}"))["cluster"]
            if all(one["current"] and not one.get("lag") for one in cluster["replicas"]):
                return
