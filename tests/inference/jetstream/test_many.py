"""Several engines on one broker: gateways and workers that know of each other by it alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest
from brokers import Door
from engine_suite import accept, finish, next_lease, numbers, read
from fakes import PATIENCE_S, STREAM, job_of, outcome_of, uuid_of
from msgspec.structs import replace

from inference.engine import Accepted, Refused
from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.engine import JetStreamEngine
from inference.local_engine import LocalEngineSettings
from protocol.errors import ConflictingTask, InternalError, Overloaded, RateLimited, TaskAbandoned
from protocol.jobs import Job, Outcome

Start = Callable[..., Awaitable[JetStreamEngine]]
Connect = Callable[..., Awaitable[Broker]]


@pytest.fixture
async def gateway(start: Start) -> JetStreamEngine:
    return await start(pools=())


@pytest.fixture
async def worker(gateway: JetStreamEngine, start: Start) -> JetStreamEngine:
    return await start()


# Gateways


async def test_result_is_read_at_another_gateway(
    gateway: JetStreamEngine, worker: JetStreamEngine, start: Start
) -> None:
    other = await start(pools=())
    await accept(gateway, job_of(1))
    await finish(worker.work())
    assert numbers(await read(other)) == [1]


async def test_replay_at_another_gateway_goes_over_into_live_results(
    gateway: JetStreamEngine, worker: JetStreamEngine, start: Start
) -> None:
    other = await start(pools=())
    await accept(gateway, job_of(1), job_of(2))
    leases = worker.work()
    await finish(leases)
    async with aclosing(other.results(STREAM)) as results:
        replayed = await asyncio.wait_for(anext(results), PATIENCE_S)
        await finish(leases)
        live = await asyncio.wait_for(anext(results), PATIENCE_S)
    assert numbers([replayed, live]) == [1, 2]


async def test_id_taken_at_one_gateway_is_refused_at_another(
    gateway: JetStreamEngine, start: Start
) -> None:
    other = await start(pools=())
    await accept(gateway, job_of(1))
    (answer,) = await other.submit([replace(job_of(1), submitted_at=2_000.0)])
    assert isinstance(answer, Refused)
    assert isinstance(answer.error, ConflictingTask)


async def test_id_is_refused_after_the_brokers_own_window(start: Start) -> None:
    engine = await start(duplicate_window_s=0.1)
    await accept(engine, job_of(1))
    await finish(engine.work())
    await asyncio.sleep(0.3)  # the broker's clock, which nobody can move
    (answer,) = await engine.submit([replace(job_of(1), submitted_at=2_000.0)])
    assert isinstance(answer, Refused)
    await accept(engine, job_of(2))
    assert numbers_of(await finish(engine.work())) == [2]


async def test_id_that_waits_is_refused_after_the_window_and_queued_once(start: Start) -> None:
    gateway = await start(duplicate_window_s=0.1, pools=())
    await accept(gateway, job_of(1))
    await asyncio.sleep(0.3)  # the broker's clock, which nobody can move
    (answer,) = await gateway.submit([replace(job_of(1), submitted_at=2_000.0)])
    assert isinstance(answer, Refused)
    assert (await gateway.stats()).queued == {"interactive": 1, "bulk": 0}


async def test_same_id_at_two_gateways_at_once_is_taken_once(
    gateway: JetStreamEngine, start: Start
) -> None:
    other = await start(pools=())
    answers = await asyncio.gather(
        gateway.submit([job_of(1)]), other.submit([replace(job_of(1), submitted_at=2_000.0)])
    )
    assert sorted(type(answer).__name__ for (answer,) in answers) == ["Accepted", "Refused"]


async def test_waiting_job_is_followed_from_another_gateway(
    gateway: JetStreamEngine, worker: JetStreamEngine, start: Start
) -> None:
    other = await start(pools=())
    await accept(gateway, job_of(1, reply_to=""))
    await other.find(job_of(1).id, follow="ws.other")
    await finish(worker.work())
    (result,) = await read(other, stream="ws.other")
    assert result.is_polled


async def test_tenant_may_have_a_dot_in_its_name(
    gateway: JetStreamEngine, worker: JetStreamEngine
) -> None:
    await accept(gateway, job_of(1, tenant="a.b", reply_to=""))
    await gateway.find(("a.b", uuid_of(1)), follow="ws.x")
    await finish(worker.work())
    assert numbers(await read(gateway, stream="ws.x")) == [1]


async def test_waiting_job_is_cancelled_from_another_gateway(
    gateway: JetStreamEngine, worker: JetStreamEngine, start: Start
) -> None:
    other = await start(pools=())
    await accept(gateway, job_of(1), job_of(2))
    leases = worker.work()
    await next_lease(leases)  # the second waits in this worker's hands
    assert await other.cancel([job_of(2).id]) == 1
    assert numbers(await read(gateway)) == [2]


async def test_job_in_work_elsewhere_is_not_cancelled(
    gateway: JetStreamEngine, worker: JetStreamEngine
) -> None:
    await accept(gateway, job_of(1))
    await next_lease(worker.work())
    assert await gateway.cancel([job_of(1).id]) == 0


# Quotas and lanes


async def test_tenant_over_the_quota_of_its_lane_is_refused(start: Start) -> None:
    engine = await start(max_waiting=2)
    answers = await engine.submit([job_of(number, reply_to="") for number in range(3)])
    assert [type(answer) for answer in answers] == [Accepted, Accepted, Refused]
    assert isinstance(answers[2].error, RateLimited)  # type: ignore[union-attr]


async def test_quota_of_one_tenant_does_not_touch_another(start: Start) -> None:
    engine = await start(max_waiting=1)
    await accept(engine, job_of(1, tenant="a"), job_of(2, tenant="b"))


async def test_refused_job_may_be_sent_again(start: Start) -> None:
    engine = await start(max_waiting=1)
    await engine.submit([job_of(1), job_of(2)])
    await finish(engine.work())
    await accept(engine, job_of(2))


async def test_what_exceeds_the_interactive_share_waits_as_bulk(start: Start) -> None:
    engine = await start(fairness=LocalEngineSettings(interactive_per_tenant=2))
    await accept(engine, *(job_of(number) for number in range(5)))
    assert (await engine.stats()).queued == {"interactive": 2, "bulk": 3}


async def test_finished_jobs_give_their_interactive_places_back(start: Start) -> None:
    engine = await start(fairness=LocalEngineSettings(interactive_per_tenant=1))
    await accept(engine, job_of(1))
    await finish(engine.work())
    await read(engine)
    await accept(engine, job_of(2))
    assert (await engine.stats()).queued == {"interactive": 1, "bulk": 0}


async def test_pool_of_a_model_has_a_queue_of_its_own(start: Start) -> None:
    engine = await start(pools=("big",), routes={"large": "big"})
    await accept(engine, replace(job_of(1), model="large"), job_of(2))
    assert numbers_of(await finish(engine.work())) == [1]


# Workers


async def test_jobs_are_shared_among_workers(start: Start, worker: JetStreamEngine) -> None:
    other = await start(prefetch=1)
    await accept(worker, *(job_of(number) for number in range(60)))
    first = await next_lease(worker.work())
    second = await next_lease(other.work())
    assert first.job != second.job


async def test_closing_worker_gives_back_what_waits_with_it(
    gateway: JetStreamEngine, worker: JetStreamEngine, start: Start
) -> None:
    await accept(gateway, job_of(1), job_of(2))
    await finish(worker.work())
    await worker.close(0)
    other = await start()
    assert numbers_of(await finish(other.work())) == [2]


async def test_closing_worker_gives_back_what_runs_too_long(
    gateway: JetStreamEngine, worker: JetStreamEngine, start: Start
) -> None:
    await accept(gateway, job_of(1))
    lease = await next_lease(worker.work())
    await lease.begin()
    await worker.close(0)
    other = await start()
    assert numbers_of(await finish(other.work())) == [1]


async def test_job_of_a_silent_worker_goes_to_another(start: Start, door: Door) -> None:
    worker = await start(door=door, ack_wait_s=0.3)
    await accept(worker, job_of(1))
    await next_lease(worker.work())
    door.shut()
    other = await start(ack_wait_s=0.3)
    lease = await next_lease(other.work())
    assert (lease.job, lease.attempt > 1) == (job_of(1), True)


async def test_job_in_work_stays_with_its_worker_however_long(start: Start) -> None:
    worker, other = await start(ack_wait_s=0.3), await start(ack_wait_s=0.3)
    await accept(worker, job_of(1))
    await next_lease(worker.work())
    waiting = asyncio.ensure_future(next_lease(other.work()))
    done, _ = await asyncio.wait({waiting}, timeout=1.0)  # a silent worker is given 0.3 s
    waiting.cancel()
    assert not done


async def test_job_that_two_workers_end_is_answered_and_charged_once(
    start: Start, door: Door, connect: Connect
) -> None:
    broker = await connect()
    first, second = await start(door=door, ack_wait_s=0.3), await start(ack_wait_s=0.3)
    await accept(first, job_of(1))
    slow = await next_lease(first.work())
    door.shut()
    await finish(second.work())
    await door.open()
    await slow.done(outcome_of(slow.job))
    await accept(second, job_of(2))
    await finish(second.work())
    assert numbers(await read(second, 2)) == [1, 2]
    usage = (await broker.call(f"STREAM.INFO.{names.USAGE}"))["state"]
    assert usage["messages"] == 2


async def test_second_worker_of_a_job_does_not_replace_its_outcome(
    start: Start, door: Door
) -> None:
    first, second = await start(door=door, ack_wait_s=0.3), await start(ack_wait_s=0.3)
    await accept(first, job_of(1))
    slow = await next_lease(first.work())
    door.shut()
    await finish(second.work())
    await door.open()
    await slow.done(Outcome.failed(slow.job, InternalError("Too late.")))
    state = await second.find(job_of(1).id)
    assert state is not None
    assert state.outcome == outcome_of(job_of(1))


async def test_outcome_waits_for_the_broker(start: Start, door: Door) -> None:
    engine = await start(door=door)
    await accept(engine, job_of(1))
    lease = await next_lease(engine.work())
    door.shut()
    ending = asyncio.ensure_future(lease.done(outcome_of(lease.job)))
    await asyncio.sleep(0)
    await door.open()
    await asyncio.wait_for(ending, 2 * PATIENCE_S)
    assert numbers(await read(engine)) == [1]


async def test_job_that_ends_its_workers_is_failed_after_the_third(
    start: Start, doors: Callable[[], Awaitable[Door]]
) -> None:
    gateway = await start(pools=(), ack_wait_s=0.3)
    await accept(gateway, job_of(1))
    for _ in range(3):
        door = await doors()
        worker = await start(door=door, ack_wait_s=0.3)
        lease = await next_lease(worker.work())
        await lease.begin()
        door.shut()
    fourth = await start(ack_wait_s=0.3)
    waiting = asyncio.ensure_future(next_lease(fourth.work()))
    (result,) = await read(gateway)
    assert result.outcome.fault is not None
    assert isinstance(result.outcome.fault.error(), TaskAbandoned)
    waiting.cancel()


# A broker that is away


async def test_task_is_refused_while_the_broker_is_away(start: Start, door: Door) -> None:
    engine = await start(door=door, patience_s=0.2)
    door.shut()
    (answer,) = await engine.submit([job_of(1)])
    assert isinstance(answer, Refused)
    assert isinstance(answer.error, Overloaded)


async def test_task_is_refused_at_once_when_the_broker_is_away_for_long(
    start: Start, door: Door
) -> None:
    engine = await start(door=door, patience_s=0.2)
    door.shut()
    took_s = 1.0
    async with asyncio.timeout(PATIENCE_S):
        while took_s > 0.1:  # as long as it tries to hand over
            begun = time.monotonic()
            await engine.submit([job_of(1)])
            took_s = time.monotonic() - begun


async def test_engine_says_that_the_broker_is_away(start: Start, door: Door) -> None:
    engine = await start(door=door)
    assert not engine.trouble()
    door.shut()
    await until(lambda: bool(engine.trouble()))
    await door.open()
    await until(lambda: not engine.trouble())


async def test_reader_goes_on_when_the_broker_is_back(
    start: Start, door: Door, worker: JetStreamEngine
) -> None:
    engine = await start(door=door)
    await accept(engine, job_of(1), job_of(2))
    leases = worker.work()
    async with aclosing(engine.results(STREAM)) as results:
        await finish(leases)
        before = await asyncio.wait_for(anext(results), PATIENCE_S)
        door.shut()
        await finish(leases)
        await door.open()
        after = await asyncio.wait_for(anext(results), PATIENCE_S)
    assert numbers([before, after]) == [1, 2]


async def test_worker_goes_on_when_the_broker_is_back(
    start: Start, door: Door, gateway: JetStreamEngine
) -> None:
    worker = await start(door=door)
    waiting = asyncio.ensure_future(next_lease(worker.work()))
    await asyncio.sleep(0)
    door.shut()
    await accept(gateway, job_of(1))
    await door.open()
    assert (await waiting).job == job_of(1)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the engine finds out by itself."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.01)


def numbers_of(jobs: list[Job]) -> list[int]:
    return [int(job.task.task_uuid[-12:]) for job in jobs]
