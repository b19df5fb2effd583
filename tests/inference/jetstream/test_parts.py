"""What stands round the engine at the broker: set-up, sweeping, charges, sessions, warnings."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import msgspec
import pytest
from brokers import SMALL, NatsServer, running_server
from engine_suite import accept, finish, next_lease, read
from fakes import (
    PATIENCE_S,
    STREAM,
    TENANT,
    FakeClock,
    RecordedSettlement,
    job_of,
    outcome_of,
)
from msgspec.structs import replace
from nats.aio.client import Client

from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.dialling import hang_up
from inference.jetstream_engine.engine import JetStreamEngine
from inference.jetstream_engine.health import risks
from inference.jetstream_engine.jobs import Jobs, Waiting
from inference.jetstream_engine.outstanding import Outstanding
from inference.jetstream_engine.sessions import SharedSession, SharedSessions
from inference.jetstream_engine.settings import NatsSettings
from inference.jetstream_engine.topology import Change, set_up, wanted
from inference.jetstream_engine.usage import UsageFeed
from inference.local_engine import LocalEngineSettings
from protocol.errors import InternalError, StorageUnavailable, TaskAbandoned, TaskTimedOut
from protocol.jobs import Outcome

Connect = Callable[..., Awaitable[Broker]]
Start = Callable[..., Awaitable[JetStreamEngine]]
DAY_S = 24 * 3600.0
SESSION = "6d0c9b8e-0000-4000-8000-000000000001"


@pytest.fixture
async def broker(connect: Connect) -> Broker:
    return await connect()


class ClosingClient:
    """A client whose end is cancelled: by a task of its own, or by whoever asked for it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        self.begun.set()
        await self.closed


async def test_end_that_a_task_of_the_client_takes_along_cancels_nobody() -> None:
    client = ClosingClient()
    client.closed.cancel()
    await hang_up(cast("Client", client))


async def test_whoever_hangs_up_can_be_cancelled() -> None:
    client = ClosingClient()
    hanging_up = asyncio.create_task(hang_up(cast("Client", client)))
    await client.begun.wait()
    hanging_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging_up


async def changes(broker: Broker, *, update: bool = False, **settings: object) -> list[Change]:
    """Set up, with some settings changed; return what was not there as wanted."""
    settings_ = replace(broker.settings, **settings)
    found = [
        change
        async for change in set_up(broker, wanted(settings_, DAY_S), update=update, patience_s=0)
    ]
    return [change for change in found if change.step != "is there"]


# Set-up


async def test_everything_is_made_once(broker: Broker) -> None:
    assert {change.step for change in await changes(broker)} == {"made"}
    assert await changes(broker) == []


async def test_what_differs_is_told_and_left(broker: Broker) -> None:
    await changes(broker)
    (change,) = await changes(broker, max_waiting=7)
    assert (change.step, change.differences) == ("differs", {"max_msgs_per_subject": (2_000, 7)})
    assert await changes(broker) == []


async def test_what_differs_is_altered_when_told(broker: Broker) -> None:
    await changes(broker)
    (change,) = await changes(broker, update=True, max_waiting=7)
    assert change.step == "altered"
    assert await changes(broker, max_waiting=7) == []


async def test_consumer_that_differs_is_altered_when_told(broker: Broker) -> None:
    await changes(broker)
    altered = await changes(broker, update=True, ack_wait_s=9.0)
    assert {change.step for change in altered} == {"altered"}
    assert await changes(broker, ack_wait_s=9.0) == []


async def test_stream_that_was_lost_is_made_again_at_the_next_start(
    broker: Broker, start: Start
) -> None:
    await changes(broker)
    await broker.call(f"STREAM.DELETE.{names.tasks_stream('default')}")
    engine = await start()
    await accept(engine, job_of(1))


@pytest.mark.parametrize("pool", ["", "Big", "a.b", "a b", "x" * 33])
def test_name_of_a_pool_is_checked(pool: str) -> None:
    with pytest.raises(ValueError, match="allowed: 1 to 32"):
        NatsSettings(pools={"model": pool})


# Warnings


async def test_single_server_without_monitoring_is_warned_of(broker: Broker) -> None:
    assert any("sync_interval" in risk for risk in [risk async for risk in risks(broker)])


async def test_server_that_does_not_sync_is_warned_of(
    connect: Connect, nats_server: NatsServer
) -> None:
    broker = await connect(monitoring_url=nats_server.monitoring_url)
    assert any("set `sync_interval: always`" in risk for risk in [r async for r in risks(broker)])


async def test_server_that_syncs_always_is_safe(
    connect: Connect, synced_server: NatsServer
) -> None:
    broker = await connect(urls=(synced_server.url,), monitoring_url=synced_server.monitoring_url)
    assert [risk async for risk in risks(broker) if "use 2.10.27" not in risk] == []


async def test_three_replicas_are_safe(connect: Connect) -> None:
    broker = await connect(replicas=3)
    assert [risk async for risk in risks(broker) if "use 2.10.27" not in risk] == []


async def test_start_without_a_broker_says_where_it_looked() -> None:
    settings = NatsSettings(urls=("nats://127.0.0.1:9",), connect_s=0.5)
    with pytest.raises(StorageUnavailable, match=r"No NATS server answers at nats://127.0.0.1:9"):
        await Broker(settings, "test").open()


# A broker that comes back with less than it had


async def test_consumer_ahead_of_its_stream_is_made_anew(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        settings = NatsSettings(urls=(server.url,), **SMALL)
        async with Broker(settings, "test").opened() as broker, running_engine(broker) as engine:
            await accept(engine, job_of(1))
            await finish(engine.work())
            server.stop()
            forget_messages(tmp_path, names.tasks_stream("default"))
            server.start()
            await accept(engine, job_of(2))
            await finish(engine.work())


def forget_messages(folder: Path, stream: str) -> None:
    """Take a stream's messages from a server that is down; its consumers keep their places."""
    (messages,) = folder.glob(f"*/jetstream/$G/streams/{stream}/msgs")
    shutil.rmtree(messages)


@asynccontextmanager
async def running_engine(broker: Broker) -> AsyncIterator[JetStreamEngine]:
    engine = JetStreamEngine(
        broker,
        RecordedSettlement(),
        LocalEngineSettings(),
        jobs_life_s=DAY_S,
        pools=["default"],
    )
    await engine.open()
    yield engine
    await engine.close(0)


# Sweeping


async def test_sync_task_that_nobody_took_in_time_is_ended(start: Start) -> None:
    engine = await start()
    await accept(engine, job_of(1))
    assert await engine.janitor.sweep_once(time.time() + 120) == 1
    (result,) = await read(engine)
    assert result.outcome.fault is not None
    assert isinstance(result.outcome.fault.error(), TaskTimedOut)
    assert (await engine.stats()).queued == {"interactive": 0, "bulk": 0}


async def test_tasks_that_may_wait_do_not_hide_the_one_behind_them(start: Start) -> None:
    engine = await start()
    for number in range(1, 4):
        await accept(engine, job_of(number, reply_to=""))
    await accept(engine, job_of(4))
    later = time.time() + 120
    assert [await engine.janitor.sweep_once(later, at_once=2) for _ in range(2)] == [0, 1]
    (result,) = await read(engine)
    assert result.outcome.job == job_of(4)


async def test_task_that_cannot_be_read_holds_up_no_other(start: Start, broker: Broker) -> None:
    engine = await start()
    await broker.store(names.task_subject("default", job_of(1)), b"of a newer version")
    await accept(engine, job_of(2))
    assert await engine.janitor.sweep_once(time.time() + 120) == 1
    (result,) = await read(engine)
    assert result.outcome.job == job_of(2)


async def test_async_task_may_wait_for_long(start: Start) -> None:
    engine = await start()
    await accept(engine, job_of(1, reply_to=""))
    assert await engine.janitor.sweep_once(time.time() + DAY_S / 2) == 0
    assert await engine.janitor.sweep_once(time.time() + 2 * DAY_S) == 1


async def test_task_that_ended_and_stayed_in_the_queue_is_removed(
    start: Start, broker: Broker
) -> None:
    engine = await start(pools=())
    await accept(engine, job_of(1))
    waiting = job_of(1)
    data = msgspec.msgpack.encode(outcome_of(waiting))
    await broker.store(names.job_key(waiting.id, "end"), data)
    assert await engine.janitor.sweep_once(time.time() + 120) == 1
    state = await engine.find(waiting.id)
    assert state is not None
    assert state.outcome == outcome_of(waiting)


async def test_task_handed_out_too_often_is_ended_and_removed(start: Start, broker: Broker) -> None:
    engine = await start(max_deliveries=2, ack_wait_s=0.3)
    await accept(engine, job_of(1))
    leases = engine.work()
    for _ in range(2):
        await (await next_lease(leases)).fail(0)
    (result,) = await read(engine)
    assert result.outcome.fault is not None
    assert isinstance(result.outcome.fault.error(), TaskAbandoned)
    await until_empty(broker, names.tasks_stream("default"))


async def test_task_that_no_worker_can_read_is_removed_and_told_of(
    start: Start, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    engine = await start(max_deliveries=2, ack_wait_s=0.3)
    await broker.store(names.task_subject("default", job_of(1)), b"of a newer version")
    await accept(engine, job_of(2))
    await finish(engine.work())
    await until_empty(broker, names.tasks_stream("default"))
    assert "a task cannot be read" in caplog.messages


async def test_task_given_up_that_nobody_can_read_is_removed_and_told_of(
    start: Start, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    await start(pools=())  # no workers
    stream = names.tasks_stream("default")
    stored = await broker.store(names.task_subject("default", job_of(1)), b"of a newer version")
    advisory = f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{stream}.workers"
    letter = {"stream": stream, "stream_seq": stored.seq}
    await broker.store(advisory, msgspec.json.encode(letter))
    await until_empty(broker, stream)
    assert "a task that no worker could read is removed" in caplog.messages


# Charges


async def test_every_success_is_told_to_the_ledger(start: Start, broker: Broker) -> None:
    engine = await start()
    await accept(engine, job_of(1), job_of(2, reply_to=""))
    await finish(engine.work(), 2)
    assert await recorded(broker, 2) == [outcome_of(job_of(1)), outcome_of(job_of(2, reply_to=""))]


async def test_failure_costs_nothing_and_is_not_told(start: Start, broker: Broker) -> None:
    engine = await start()
    await accept(engine, job_of(1), job_of(2))
    leases = engine.work()
    first = await next_lease(leases)
    await first.done(Outcome.failed(first.job, InternalError("It failed.")))
    await finish(leases)
    assert await recorded(broker, 1) == [outcome_of(job_of(2))]


async def test_what_could_not_be_recorded_comes_again(start: Start, broker: Broker) -> None:
    engine = await start()
    await accept(engine, job_of(1))
    await finish(engine.work())
    tries: list[int] = []

    async def fail_once(outcomes: Sequence[Outcome]) -> None:
        tries.append(len(outcomes))
        if len(tries) == 1:
            raise StorageUnavailable("The disk is full.")
        done.set()

    done = asyncio.Event()
    running = asyncio.create_task(UsageFeed(broker).run(fail_once))
    await asyncio.wait_for(done.wait(), PATIENCE_S)
    running.cancel()
    await asyncio.wait({running})
    assert tries == [1, 1]


async def test_end_of_a_forgotten_job_gives_way_to_a_new_one_under_its_id(
    start: Start, broker: Broker
) -> None:
    await start()
    jobs, old, new = Jobs(broker), outcome_of(job_of(1)), replace(job_of(1), submitted_at=2_000.0)
    await jobs.end(old)
    assert await jobs.outcome(new) is None
    await jobs.end(outcome_of(new))
    assert await jobs.outcome(new) == outcome_of(new)


async def test_end_of_a_job_stands_before_one_that_was_refused_under_its_id(
    start: Start, broker: Broker
) -> None:
    await start()
    jobs, old, new = Jobs(broker), outcome_of(job_of(1)), replace(job_of(1), submitted_at=2_000.0)
    await jobs.take(Waiting(job=job_of(1), stream="TASKS_default", seq=1), PATIENCE_S)
    await jobs.end(old)
    assert await jobs.end(outcome_of(new)) == old
    assert await jobs.outcome(new) == old


async def test_ledger_belongs_to_the_first_that_asks(start: Start, broker: Broker) -> None:
    await start()
    feed = UsageFeed(broker)
    assert await feed.is_claimed("one")
    assert not await feed.is_claimed("two")
    assert await feed.is_claimed("one")


async def test_released_ledger_goes_to_the_next_that_asks(start: Start, broker: Broker) -> None:
    await start()
    feed = UsageFeed(broker)
    await feed.is_claimed("one")
    await feed.release()
    assert await feed.is_claimed("two")
    assert not await feed.is_claimed("one")


# Sessions


async def test_session_is_found_by_every_gateway(start: Start, connect: Connect) -> None:
    await start()
    here, there = SharedSessions(await connect()), SharedSessions(await connect())
    await here.claim(SharedSession(id=SESSION, tenant=TENANT, confirmed_seq=7))
    found = await there.find(SESSION)
    assert found is not None
    assert (found.tenant, found.confirmed_seq, there.is_ours(found)) == (TENANT, 7, False)


async def test_gateway_is_told_when_its_session_is_taken(start: Start, connect: Connect) -> None:
    await start()
    here, there = SharedSessions(await connect()), SharedSessions(await connect())
    told: asyncio.Queue[str] = asyncio.Queue()
    await here.listen(told.put)
    await here.claim(SharedSession(id="mine", tenant=TENANT))
    await there.claim(SharedSession(id=SESSION, tenant=TENANT))
    assert await asyncio.wait_for(told.get(), PATIENCE_S) == SESSION


async def test_session_that_went_elsewhere_is_not_ended_here(
    start: Start, connect: Connect
) -> None:
    await start()
    here, there = SharedSessions(await connect()), SharedSessions(await connect())
    await here.claim(SharedSession(id=SESSION, tenant=TENANT))
    await there.claim(SharedSession(id=SESSION, tenant=TENANT))
    assert not await here.release(SESSION)
    assert await there.find(SESSION) is not None


async def test_session_that_is_over_is_not_found(start: Start, broker: Broker) -> None:
    await start()
    shared = SharedSessions(broker)
    await shared.claim(SharedSession(id=SESSION, tenant=TENANT))
    assert await shared.release(SESSION)
    assert await shared.find(SESSION) is None


# What a gateway has handed over


def test_job_that_ended_frees_its_place() -> None:
    outstanding = Outstanding(FakeClock())
    outstanding.add(job_of(1))
    assert (outstanding.interactive_of(TENANT), outstanding.is_awaited(STREAM)) == (1, True)
    outstanding.end(job_of(1).id)
    assert (outstanding.interactive_of(TENANT), outstanding.is_awaited(STREAM)) == (0, False)


def test_job_whose_end_was_never_seen_is_let_go_after_its_deadline() -> None:
    clock = FakeClock()
    outstanding = Outstanding(clock)
    outstanding.add(job_of(1))
    clock.advance(300)
    outstanding.add(job_of(2))
    assert outstanding.interactive_of(TENANT) == 1


async def recorded(broker: Broker, count: int) -> list[Outcome]:
    """What the ledger is told, once there is so much of it."""
    found: list[Outcome] = []
    enough = asyncio.Event()

    async def record(outcomes: Sequence[Outcome]) -> None:
        found.extend(outcomes)
        if len(found) >= count:
            enough.set()

    running = asyncio.create_task(UsageFeed(broker).run(record))
    await asyncio.wait_for(enough.wait(), PATIENCE_S)
    running.cancel()
    await asyncio.wait({running})
    return sorted(found, key=lambda outcome: outcome.job.task.task_uuid)


async def until_empty(broker: Broker, stream: str) -> None:
    """Wait until a stream holds nothing: consumers give a message up, and it stays in there."""
    async with asyncio.timeout(PATIENCE_S):
        while (await broker.call(f"STREAM.INFO.{stream}"))["state"]["messages"]:
            pass
