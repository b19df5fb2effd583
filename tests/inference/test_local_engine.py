"""The embedded engine: the rules of every engine, and its own quotas, fairness and memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from engine_suite import EngineSuite, accept, finish, next_lease, numbers, read
from engines import FailingDatabase, engine_on, open_database
from fakes import STREAM, FakeClock, RecordedSettlement, job_of, outcome_of
from msgspec.structs import replace

from inference.engine import Accepted, Engine, JobState, Lease, Refused
from inference.local_engine import LocalEngine
from protocol.errors import (
    ConflictingTask,
    CutwireError,
    InternalError,
    Overloaded,
    RateLimited,
    ShuttingDown,
    StorageUnavailable,
    TaskAbandoned,
)
from protocol.jobs import Job, Outcome, RemoteImage


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


Start = Callable[..., Awaitable[LocalEngine]]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[FailingDatabase]:
    async with open_database(tmp_path) as database:
        yield database


@pytest.fixture
async def start(database: FailingDatabase) -> Start:
    """Start an engine; a second one on the same journal stands for the service's next run."""

    async def start(**limits: Any) -> LocalEngine:
        engine = engine_on(database, **limits)
        await engine.open()
        return engine

    return start


@pytest.fixture
async def engine(start: Start) -> Engine:
    return await start()


@pytest.fixture
def next_run(start: Start) -> Start:
    return start


class TestEveryEngine(EngineSuite):
    """The suite, run on the embedded engine."""


async def find(engine: LocalEngine, number: int) -> JobState:
    state = await engine.find(job_of(number).id)
    assert state is not None
    return state


def assert_failed(state: JobState, kind: type[CutwireError]) -> None:
    assert state.outcome is not None
    assert state.outcome.fault is not None
    assert isinstance(state.outcome.fault.error(), kind)


async def crash(engine: LocalEngine) -> Lease:
    """Work on a job until the process ends."""
    lease = await next_lease(engine.work())
    await lease.begin()
    return lease


def numbers_of(jobs: Sequence[Job]) -> list[int]:
    return [int(job.task.task_uuid[-12:]) for job in jobs]


# Quotas


async def test_tenant_over_its_quota_is_refused_at_once(start: Start) -> None:
    engine = await start(max_queued_per_tenant=2)
    await accept(engine, job_of(1), job_of(2))
    (answer,) = await engine.submit([job_of(3)])
    assert isinstance(answer, Refused)
    assert isinstance(answer.error, RateLimited)


async def test_quota_of_one_tenant_does_not_touch_another(start: Start) -> None:
    engine = await start(max_queued_per_tenant=1)
    await accept(engine, job_of(1, tenant="a"))
    await accept(engine, job_of(2, tenant="b"))


async def test_running_jobs_leave_the_quota(start: Start) -> None:
    engine = await start(max_queued_per_tenant=1)
    await accept(engine, job_of(1))
    await next_lease(engine.work())
    await accept(engine, job_of(2))


async def test_async_jobs_have_a_quota_of_their_own(start: Start) -> None:
    engine = await start(max_queued_per_tenant=1, max_async_queued_per_tenant=2)
    answers = await engine.submit([job_of(number, reply_to="") for number in range(3)])
    assert [type(answer) for answer in answers] == [Accepted, Accepted, Refused]


async def test_async_jobs_do_not_count_against_the_quota_of_sync_ones(start: Start) -> None:
    engine = await start(max_queued_per_tenant=1, max_async_queued_per_tenant=5)
    await accept(engine, *(job_of(number, reply_to="") for number in range(5)))
    await accept(engine, job_of(9))


async def test_full_queue_refuses_at_once(start: Start) -> None:
    engine = await start(max_queued=2)
    await accept(engine, job_of(1, tenant="a"), job_of(2, tenant="b"))
    (answer,) = await engine.submit([job_of(3, tenant="c")])
    assert isinstance(answer, Refused)
    assert isinstance(answer.error, Overloaded)


async def test_refused_job_may_be_sent_again(start: Start) -> None:
    engine = await start(max_queued=1)
    await engine.submit([job_of(1), job_of(2)])
    await finish(engine.work())
    await accept(engine, job_of(2))


# Fairness


async def test_flood_of_one_tenant_delays_another_by_one_turn_at_most(start: Start) -> None:
    engine = await start()
    await accept(engine, *(job_of(number, tenant="flood") for number in range(500)))
    leases = engine.work()
    await finish(leases, 7)
    await accept(engine, job_of(1, tenant="single"))
    tenants = [job.tenant for job in await finish(leases, 6)]
    assert "single" in tenants


async def test_what_exceeds_the_interactive_share_waits_as_bulk(start: Start) -> None:
    engine = await start(interactive_per_tenant=2)
    await accept(engine, *(job_of(number) for number in range(5)))
    assert (await engine.stats()).queued == {"interactive": 2, "bulk": 3}


async def test_bulk_work_does_not_use_up_the_interactive_share(start: Start) -> None:
    engine = await start(interactive_per_tenant=2)
    await accept(engine, *(job_of(number, reply_to="") for number in range(10)))
    await accept(engine, job_of(99))
    assert (await engine.stats()).queued == {"interactive": 1, "bulk": 10}


async def test_interactive_job_passes_the_tenants_own_bulk_work(start: Start) -> None:
    engine = await start()
    await accept(engine, *(job_of(number, reply_to="") for number in range(100)))
    await accept(engine, job_of(999))
    assert job_of(999) in await finish(engine.work(), 2)


async def test_one_tenant_does_not_run_in_every_place_while_another_is_active(
    start: Start,
) -> None:
    engine = await start(running_per_tenant=2)
    await accept(engine, job_of(1, tenant="single"))
    await accept(engine, *(job_of(number, tenant="flood") for number in range(10)))
    leases = engine.work()
    await finish(leases, 1)
    begun = [(await next_lease(leases)).job.tenant for _ in range(2)]
    waiting = asyncio.ensure_future(next_lease(leases))
    await asyncio.sleep(0)
    assert not waiting.done()
    await accept(engine, job_of(2, tenant="single"))
    assert [*begun, (await waiting).job.tenant] == ["flood", "flood", "single"]


async def test_job_that_ends_lets_the_next_of_its_tenant_begin(start: Start) -> None:
    engine = await start(running_per_tenant=1)
    await accept(engine, job_of(9, tenant="other"))
    await accept(engine, job_of(1), job_of(2))
    leases = engine.work()
    await finish(leases, 1)
    first = await next_lease(leases)
    waiting = asyncio.ensure_future(next_lease(leases))
    await asyncio.sleep(0)
    await first.done(outcome_of(first.job))
    assert numbers_of([(await waiting).job]) == [2]


async def test_tenant_alone_runs_in_every_place(start: Start) -> None:
    engine = await start(running_per_tenant=1)
    await accept(engine, *(job_of(number) for number in range(3)))
    leases = engine.work()
    assert len([await next_lease(leases) for _ in range(3)]) == 3


async def test_tenant_alone_leaves_a_place_for_who_comes_next(start: Start) -> None:
    engine = await start(running_alone=2)
    await accept(engine, *(job_of(number, tenant="flood") for number in range(5)))
    leases = engine.work()
    for _ in range(2):
        await next_lease(leases)
    waiting = asyncio.ensure_future(next_lease(leases))
    await asyncio.sleep(0)
    await accept(engine, job_of(9, tenant="single"))
    assert (await waiting).job.tenant == "single"


async def test_tenant_that_went_quiet_leaves_its_places_to_the_others(
    start: Start, clock: FakeClock
) -> None:
    engine = await start(running_per_tenant=1, active_s=10, clock=clock)
    await accept(engine, job_of(9, tenant="quiet"))
    leases = engine.work()
    await finish(leases, 1)
    clock.advance(11)
    await accept(engine, job_of(1), job_of(2))
    assert len([await next_lease(leases) for _ in range(2)]) == 2


# Memory


async def test_finished_job_is_forgotten_after_its_life(start: Start) -> None:
    clock = FakeClock()
    engine = await start(clock=clock, result_life_s=60)
    await accept(engine, job_of(1))
    await finish(engine.work())
    clock.advance(61)
    assert await engine.find(job_of(1).id) is None


async def test_finished_job_is_known_until_then(start: Start) -> None:
    clock = FakeClock()
    engine = await start(clock=clock, result_life_s=60)
    await accept(engine, job_of(1))
    await finish(engine.work())
    clock.advance(59)
    assert await engine.find(job_of(1).id) is not None


async def test_uuid_may_be_used_again_after_that(start: Start) -> None:
    clock = FakeClock()
    engine = await start(clock=clock, result_life_s=60)
    await accept(engine, job_of(1))
    await finish(engine.work())
    clock.advance(61)
    await accept(engine, job_of(1))


async def test_job_that_waits_is_never_forgotten(start: Start) -> None:
    clock = FakeClock()
    engine = await start(clock=clock, result_life_s=60)
    await accept(engine, job_of(1))
    clock.advance(3_600)
    assert await engine.find(job_of(1).id) is not None


async def test_oldest_finished_jobs_are_forgotten_above_the_limit(start: Start) -> None:
    engine = await start(max_finished=2)
    await accept(engine, job_of(1), job_of(2), job_of(3))
    await finish(engine.work(), 3)
    found = [await engine.find(job_of(number).id) for number in (1, 2, 3)]
    assert [state is not None for state in found] == [False, True, True]


async def test_results_that_nobody_fetches_are_dropped_in_the_end(start: Start) -> None:
    clock = FakeClock()
    engine = await start(clock=clock, undelivered_life_s=60)
    await accept(engine, job_of(1))
    await finish(engine.work())
    clock.advance(61)
    await accept(engine, job_of(2))
    await finish(engine.work())
    assert numbers(await read(engine)) == [2]


async def test_reader_that_stays_outlives_the_sweep(start: Start) -> None:
    clock = FakeClock()
    engine = await start(clock=clock, undelivered_life_s=60)
    reading = asyncio.ensure_future(read(engine))
    await asyncio.sleep(0)
    clock.advance(61)
    await accept(engine, job_of(1))
    await finish(engine.work())
    assert numbers(await reading) == [1]


async def test_oldest_wait_is_that_of_the_first_in_line(start: Start) -> None:
    engine = await start()
    now = time.time()
    await accept(engine, job_of(1, submitted_at=now - 50), job_of(2, submitted_at=now))
    assert (await engine.stats()).oldest_wait_s >= 50


# The end: nobody is left waiting, whatever state their job was in


async def test_what_waits_at_the_end_is_told_so(start: Start) -> None:
    engine = await start()
    await accept(engine, job_of(1))
    await engine.close(0)
    (result,) = await read(engine)
    assert result.outcome.fault is not None
    assert isinstance(result.outcome.fault.error(), ShuttingDown)


async def test_what_still_runs_at_the_end_is_told_so(start: Start) -> None:
    engine = await start()
    await accept(engine, job_of(1))
    await next_lease(engine.work())
    await engine.close(0)
    (result,) = await read(engine)
    assert result.outcome.fault is not None
    assert isinstance(result.outcome.fault.error(), ShuttingDown)


async def test_outcome_that_comes_after_the_end_is_ignored(start: Start) -> None:
    engine = await start()
    await accept(engine, job_of(1))
    lease = await next_lease(engine.work())
    await engine.close(0)
    (told,) = await read(engine)
    await lease.done(outcome_of(lease.job))
    state = await engine.find(job_of(1).id)
    assert state is not None
    assert state.outcome == told.outcome


async def test_job_given_back_after_the_end_is_not_offered_again(start: Start) -> None:
    engine = await start()
    await accept(engine, job_of(1))
    lease = await next_lease(engine.work())
    await engine.close(0)
    await lease.fail(0)
    assert [lease async for lease in engine.work()] == []


async def test_waiting_jobs_are_still_run_during_the_drain(start: Start) -> None:
    engine = await start()
    await accept(engine, job_of(1), job_of(2))
    leases = engine.work()
    closing = asyncio.ensure_future(engine.close(3_600))
    await asyncio.sleep(0)
    await finish(leases, 2)
    await closing
    assert all(result.outcome.product for result in await read(engine, 2, stream=STREAM))


async def test_async_job_is_not_told_so_but_stays_for_the_next_run(start: Start) -> None:
    engine = await start()
    await accept(engine, job_of(1, reply_to=""))
    await engine.close(0)
    assert await finish((await start()).work()) == [job_of(1, reply_to="")]


async def test_async_job_that_was_stopped_is_not_to_blame(start: Start) -> None:
    engine = await start()
    await accept(engine, job_of(1, reply_to=""))
    await crash(engine)
    await engine.close(0)
    assert (await next_lease((await start()).work())).attempt == 1


async def test_job_that_was_taken_but_not_begun_keeps_its_count(start: Start) -> None:
    await accept(await start(), job_of(1, reply_to=""))
    await crash(await start())
    stopped = await start()
    await next_lease(stopped.work())
    await stopped.close(0)
    assert (await next_lease((await start()).work())).attempt == 2


async def test_sync_job_that_was_told_so_does_not_run_again(start: Start) -> None:
    engine = await start()
    await accept(engine, job_of(1))
    await engine.close(0)
    assert_failed(await find(await start(), 1), ShuttingDown)


# The next run, after a crash: the first engine is simply left, as it is when a process is killed


async def test_waiting_job_is_offered_by_the_next_run(start: Start) -> None:
    await accept(await start(), job_of(1, reply_to=""))
    assert await finish((await start()).work()) == [job_of(1, reply_to="")]


async def test_result_of_the_next_run_is_pushed_to_nobody(start: Start) -> None:
    await accept(await start(), job_of(1))
    engine = await start()
    await accept(engine, job_of(2))
    await finish(engine.work(), 2)
    assert [result.outcome.job for result in await read(engine)] == [job_of(2)]


async def test_running_job_is_offered_by_the_next_run(start: Start) -> None:
    engine = await start()
    await accept(engine, job_of(1, reply_to=""))
    await crash(engine)
    assert await finish((await start()).work()) == [job_of(1, reply_to="")]


async def test_jobs_keep_their_order_in_the_next_run(start: Start) -> None:
    jobs = [job_of(number, reply_to="") for number in (3, 1, 2)]
    await accept(await start(), *jobs)
    assert await finish((await start()).work(), 3) == jobs


async def test_sync_job_runs_too_and_is_found_though_its_stream_is_gone(start: Start) -> None:
    await accept(await start(), job_of(1))
    engine = await start()
    await finish(engine.work())
    state = await engine.find(job_of(1).id)
    assert state is not None
    assert state.outcome is not None
    assert state.outcome.product is not None


async def test_sync_job_of_the_last_run_can_be_followed(start: Start) -> None:
    await accept(await start(), job_of(1))
    engine = await start()
    await engine.find(job_of(1).id, follow="ws.new")
    await finish(engine.work())
    assert numbers(await read(engine, stream="ws.new")) == [1]


async def test_unfinished_job_is_found_in_the_next_run(start: Start) -> None:
    await accept(await start(), job_of(1))
    state = await (await start()).find(job_of(1).id)
    assert state is not None
    assert state.outcome is None


async def test_finished_job_is_found_in_the_next_run(start: Start) -> None:
    engine = await start()
    await accept(engine, job_of(1))
    await finish(engine.work())
    state = await (await start()).find(job_of(1).id)
    assert state is not None
    assert state.outcome == outcome_of(job_of(1))


@pytest.mark.parametrize("is_finished", [False, True])
async def test_id_is_refused_in_the_next_run(start: Start, is_finished: bool) -> None:
    engine = await start()
    await accept(engine, job_of(1))
    if is_finished:
        await finish(engine.work())
    (answer,) = await (await start()).submit([job_of(1)])
    assert isinstance(answer, Refused)
    assert isinstance(answer.error, ConflictingTask)


async def test_tries_are_counted_over_all_runs(start: Start) -> None:
    await accept(await start(), job_of(1))
    attempts = [(await crash(await start())).attempt for _ in range(3)]
    assert attempts == [1, 2, 3]


async def test_job_that_ends_the_process_each_time_is_failed_in_the_end(start: Start) -> None:
    await accept(await start(), job_of(1))
    for _ in range(3):
        await crash(await start())
    assert_failed(await find(await start(), 1), TaskAbandoned)


async def test_job_that_was_failed_so_is_not_offered(start: Start) -> None:
    await accept(await start(), job_of(1), job_of(2, reply_to=""))
    for _ in range(3):
        await crash(await start())
    assert await finish((await start()).work()) == [job_of(2, reply_to="")]


async def test_job_that_only_waited_is_never_to_blame(start: Start) -> None:
    await accept(await start(), job_of(1))
    for _ in range(10):
        engine = await start()
    assert (await next_lease(engine.work())).attempt == 1


async def twice_suspect(start: Start, *others: Job) -> LocalEngine:
    """An engine whose last two runs ended while they worked on job 1."""
    await accept(await start(), job_of(1, reply_to=""))
    for _ in range(2):
        await crash(await start())
    await accept(await start(), *others)
    return await start(suspects_wait_s=0)


async def test_suspect_runs_alone(start: Start) -> None:
    engine = await twice_suspect(start, job_of(2, reply_to=""))
    leases = engine.work()
    suspect = await next_lease(leases)
    other = asyncio.ensure_future(next_lease(leases))
    await asyncio.sleep(0)
    assert not other.done()
    await suspect.done(outcome_of(suspect.job))
    assert (await other).job == job_of(2, reply_to="")


async def test_suspect_stops_the_other_pool_too(start: Start) -> None:
    fetched = replace(job_of(2), images={"inputImage": RemoteImage(url="http://example.org/a")})
    engine = await twice_suspect(start, fetched)
    suspect = await next_lease(engine.work("compute"))
    other = asyncio.ensure_future(next_lease(engine.work("fetch")))
    await asyncio.sleep(0)
    assert not other.done()
    await suspect.done(outcome_of(suspect.job))
    assert (await other).job.id == fetched.id


async def test_suspect_lets_the_others_go_first_after_the_start(start: Start) -> None:
    await twice_suspect(start, *(job_of(number, reply_to="") for number in (2, 3)))
    engine = await start()
    assert numbers_of(await finish(engine.work(), 3)) == [2, 3, 1]


async def test_suspect_does_not_wait_for_ever(start: Start, clock: FakeClock) -> None:
    await twice_suspect(start, *(job_of(number, reply_to="") for number in (2, 3, 4)))
    engine = await start(clock=clock, suspects_wait_s=10)
    leases = engine.work()
    await finish(leases)
    clock.advance(10)
    assert numbers_of(await finish(leases, 3)) == [1, 3, 4]


async def test_suspect_can_be_cancelled(start: Start) -> None:
    engine = await twice_suspect(start)
    assert await engine.cancel([job_of(1).id]) == 1


async def test_suspects_are_counted_among_those_that_wait(start: Start) -> None:
    engine = await twice_suspect(start)
    assert (await engine.stats()).queued["bulk"] == 1


# A disk that is full


async def test_what_cannot_be_written_down_is_not_taken(
    start: Start, database: FailingDatabase
) -> None:
    engine = await start()
    database.is_full = True
    (answer,) = await engine.submit([job_of(1)])
    assert isinstance(answer, Refused)
    assert isinstance(answer.error, StorageUnavailable)


async def test_what_was_not_taken_is_not_found(start: Start, database: FailingDatabase) -> None:
    engine = await start()
    database.is_full = True
    await engine.submit([job_of(1)])
    assert await engine.find(job_of(1).id) is None


async def test_it_may_be_sent_again_when_there_is_room(
    start: Start, database: FailingDatabase
) -> None:
    engine = await start()
    database.is_full = True
    await engine.submit([job_of(1)])
    database.is_full = False
    await accept(engine, job_of(1))


async def test_job_that_was_taken_before_still_runs(
    start: Start, database: FailingDatabase
) -> None:
    engine = await start()
    await accept(engine, job_of(1))
    database.is_full = True
    assert (await next_lease(engine.work())).job == job_of(1)


async def test_outcome_is_not_told_before_it_is_written(
    start: Start, database: FailingDatabase
) -> None:
    engine = await start(retry_write_s=0.001)
    await accept(engine, job_of(1), job_of(2))
    leases = engine.work()
    lease = await next_lease(leases)
    database.is_full = True
    ending = asyncio.ensure_future(lease.done(outcome_of(lease.job)))
    await asyncio.sleep(0)
    state = await engine.find(job_of(1).id)
    assert state is not None
    assert state.outcome is None
    database.is_full = False
    await ending
    assert numbers(await read(engine)) == [1]


async def test_engine_closes_though_an_outcome_cannot_be_written(
    start: Start, database: FailingDatabase
) -> None:
    engine = await start(retry_write_s=3_600)
    await accept(engine, job_of(1))
    lease = await next_lease(engine.work())
    database.is_full = True
    ending = asyncio.ensure_future(lease.done(outcome_of(lease.job)))
    await asyncio.sleep(0)
    await engine.close(0)
    await ending
    database.is_full = False
    state = await (await start()).find(job_of(1).id)
    assert state is not None
    assert state.outcome is None


async def test_job_whose_cancellation_cannot_be_written_stays_in_line(
    start: Start, database: FailingDatabase
) -> None:
    engine = await start()
    await accept(engine, job_of(1))
    database.is_full = True
    assert await engine.cancel([job_of(1).id]) == 0
    assert (await next_lease(engine.work())).job == job_of(1)


# Accounts


async def test_every_job_is_accounted_for_once_whichever_way_it_ended(start: Start) -> None:
    settlement = RecordedSettlement()
    engine = await start(settlement=settlement)
    await accept(engine, *(job_of(number) for number in range(4)))
    leases = engine.work()
    await finish(leases)
    failing = await next_lease(leases)
    await failing.done(Outcome.failed(failing.job, InternalError("It failed.")))
    await engine.cancel([job_of(2).id])
    await engine.close(0)
    assert [outcome.job for outcome in settlement.outcomes] == [job_of(n) for n in range(4)]


async def test_job_is_accounted_for_before_its_outcome_is_delivered(start: Start) -> None:
    seen: list[bool] = []

    async def settled(outcome: Outcome) -> None:
        state = await engine.find(outcome.job.id)
        seen.append(state is not None and state.outcome is None)

    engine = await start(settlement=RecordedSettlement(settled))
    await accept(engine, job_of(1))
    await finish(engine.work())
    assert seen == [True]


async def test_job_is_accounted_for_only_when_its_outcome_is_on_the_disk(start: Start) -> None:
    async def settled(outcome: Outcome) -> None:
        next_run = await start()
        state = await next_run.find(outcome.job.id)
        assert state is not None
        assert state.outcome == outcome

    engine = await start(settlement=RecordedSettlement(settled))
    await accept(engine, job_of(1))
    await finish(engine.work())
    assert numbers(await read(engine)) == [1]


async def test_outcome_says_what_was_charged(start: Start) -> None:
    settlement = RecordedSettlement()
    settlement.price = Decimal("0.25")
    engine = await start(settlement=settlement)
    await accept(engine, job_of(1))
    await finish(engine.work())
    (result,) = await read(engine)
    assert result.outcome.cost == Decimal("0.25")


async def test_defect_of_the_accounts_holds_up_no_outcome(start: Start) -> None:
    async def settled(_: Outcome) -> None:
        raise RuntimeError

    engine = await start(settlement=RecordedSettlement(settled))
    await accept(engine, job_of(1))
    await finish(engine.work())
    assert numbers(await read(engine)) == [1]


# While a job is being written down


async def test_jobs_that_are_being_written_down_count_for_the_quota(start: Start) -> None:
    engine = await start(max_queued_per_tenant=2)
    answers = await asyncio.gather(*(engine.submit([job_of(number)]) for number in range(3)))
    assert [type(answer) for (answer,) in answers] == [Accepted, Accepted, Refused]


async def test_id_that_is_being_written_down_is_refused(start: Start) -> None:
    engine = await start()
    answers = await asyncio.gather(engine.submit([job_of(1)]), engine.submit([job_of(1)]))
    assert [type(answer) for (answer,) in answers] == [Accepted, Refused]


async def test_job_that_is_being_written_down_can_be_followed(start: Start) -> None:
    engine = await start()
    submitting = asyncio.ensure_future(engine.submit([job_of(1)]))
    await asyncio.sleep(0)
    assert await engine.find(job_of(1).id, follow="ws.follower") is not None
    await submitting
    await finish(engine.work())
    assert numbers(await read(engine, stream="ws.follower")) == [1]


async def test_job_is_put_in_line_though_its_sender_does_not_wait(start: Start) -> None:
    engine = await start()
    submitting = asyncio.ensure_future(engine.submit([job_of(1)]))
    await asyncio.sleep(0)
    submitting.cancel()
    assert (await next_lease(engine.work())).job == job_of(1)


async def test_closing_waits_for_what_is_being_written_down(start: Start) -> None:
    engine = await start()
    submitting = asyncio.ensure_future(engine.submit([job_of(1)]))
    await asyncio.sleep(0)
    await engine.close(0)
    assert isinstance((await submitting)[0], Accepted)
    assert_failed(await find(engine, 1), ShuttingDown)
