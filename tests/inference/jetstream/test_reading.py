"""Results of a stream: from the store where they must be, live where they can be, each once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import pytest
from fakes import PATIENCE_S, STREAM, job_of, outcome_of
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from inference.jetstream_engine import names, reader
from inference.jetstream_engine.broker import Broker, OnMessage
from inference.jetstream_engine.engine import JetStreamEngine
from inference.jetstream_engine.jobs import encode_outcome
from inference.jetstream_engine.messages import Message
from inference.jetstream_engine.outstanding import Outstanding
from inference.jetstream_engine.reader import Reader
from inference.jetstream_engine.settings import NatsSettings

Start = Callable[..., Awaitable[JetStreamEngine]]
COUNT = 40


class WatchedBroker(Broker):
    """Counts looks into the store, of which the first takes a while; may lose live results."""

    def __init__(self, settings: NatsSettings) -> None:
        super().__init__(settings, "test")
        self.looks = 0
        self.has_looked = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.heard = 0
        self.lost: set[int] = set()

    async def after(self, stream: str, subject: str, seq: int) -> Message | None:
        found = await super().after(stream, subject, seq)
        self.looks += 1
        self.has_looked.set()
        await self.may_go_on.wait()
        return found

    async def listen(self, subject: str, told: OnMessage) -> Subscription:
        async def hear(message: Msg) -> None:
            self.heard += 1
            if self.heard not in self.lost:
                await told(message)

        return await super().listen(subject, hear)


@pytest.fixture
async def broker(start: Start, nats_settings: NatsSettings) -> AsyncIterator[WatchedBroker]:
    """A broker that has its streams."""
    await start()
    broker = WatchedBroker(nats_settings)
    async with broker.opened():
        yield broker


async def store(broker: Broker, numbers: range) -> None:
    for number in numbers:
        await broker.store(names.result_subject(STREAM), encode_outcome(outcome_of(job_of(number))))


async def read_all(broker: Broker, count: int) -> list[str]:
    async with (
        asyncio.timeout(PATIENCE_S),
        aclosing(Reader(broker, Outstanding()).read(STREAM, 0)) as results,
    ):
        return [(await anext(results)).outcome.job.task.task_uuid for _ in range(count)]


def uuids(count: int) -> list[str]:
    return [job_of(number).task.task_uuid for number in range(count)]


async def test_busy_stream_is_not_read_from_the_store_one_by_one(broker: WatchedBroker) -> None:
    await store(broker, range(1))
    reading = asyncio.create_task(read_all(broker, COUNT))
    async with asyncio.timeout(PATIENCE_S):
        await broker.has_looked.wait()
        await store(broker, range(1, COUNT))
    broker.may_go_on.set()

    assert await reading == uuids(COUNT)
    assert broker.looks < COUNT / 4


async def test_live_result_that_was_lost_is_read_from_the_store(broker: WatchedBroker) -> None:
    broker.lost = {3, 4, 9}
    broker.may_go_on.set()
    reading = asyncio.create_task(read_all(broker, 12))
    async with asyncio.timeout(PATIENCE_S):
        await broker.has_looked.wait()
        await store(broker, range(12))

    assert await reading == uuids(12)


async def test_results_beyond_what_is_kept_live_are_read_from_the_store(
    broker: WatchedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_LIVE", 5)
    await store(broker, range(1))
    reading = asyncio.create_task(read_all(broker, COUNT))
    async with asyncio.timeout(PATIENCE_S):
        await broker.has_looked.wait()
        await store(broker, range(1, COUNT))
    broker.may_go_on.set()

    assert await reading == uuids(COUNT)
    assert broker.looks >= COUNT - 6
