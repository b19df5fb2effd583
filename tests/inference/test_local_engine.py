"""The embedded engine: the rules of every engine, and its own quotas, fairness and memory."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from engine_suite import EngineSuite, accept, finish, next_lease, numbers, read
from fakes import STREAM, FakeClock, job_of, outcome_of

from inference.engine import Accepted, Engine, Refused
from inference.local_engine import LocalEngine, LocalEngineSettings
from protocol.errors import Overloaded, RateLimited, ShuttingDown


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def engine(clock: FakeClock) -> Engine:
    engine = LocalEngine(LocalEngineSettings(), clock)
    await engine.open()
    return engine


class TestEveryEngine(EngineSuite):
    """The suite, run on the embedded engine."""


def small(**limits: Any) -> LocalEngine:
    return LocalEngine(LocalEngineSettings(**limits), FakeClock())


# Quotas


async def test_tenant_over_its_quota_is_refused_at_once() -> None:
    engine = small(max_queued_per_tenant=2)
    await accept(engine, job_of(1), job_of(2))
    (answer,) = await engine.submit([job_of(3)])
    assert isinstance(answer, Refused)
    assert isinstance(answer.error, RateLimited)


async def test_quota_of_one_tenant_does_not_touch_another() -> None:
    engine = small(max_queued_per_tenant=1)
    await accept(engine, job_of(1, tenant="a"))
    await accept(engine, job_of(2, tenant="b"))


async def test_running_jobs_leave_the_quota() -> None:
    engine = small(max_queued_per_tenant=1)
    await accept(engine, job_of(1))
    await next_lease(engine.work())
    await accept(engine, job_of(2))


async def test_async_jobs_have_a_quota_of_their_own() -> None:
    engine = small(max_queued_per_tenant=1, max_async_queued_per_tenant=2)
    answers = await engine.submit([job_of(number, reply_to="") for number in range(3)])
    assert [type(answer) for answer in answers] == [Accepted, Accepted, Refused]


async def test_full_queue_refuses_at_once() -> None:
    engine = small(max_queued=2)
    await accept(engine, job_of(1, tenant="a"), job_of(2, tenant="b"))
    (answer,) = await engine.submit([job_of(3, tenant="c")])
    assert isinstance(answer, Refused)
    assert isinstance(answer.error, Overloaded)


async def test_refused_job_may_be_sent_again() -> None:
    engine = small(max_queued=1)
    await engine.submit([job_of(1), job_of(2)])
    await finish(engine.work())
    await accept(engine, job_of(2))


# Fairness


async def test_flood_of_one_tenant_delays_another_by_one_turn_at_most() -> None:
    engine = small()
    await accept(engine, *(job_of(number, tenant="flood") for number in range(500)))
    leases = engine.work()
    await finish(leases, 7)
    await accept(engine, job_of(1, tenant="single"))
    tenants = [job.tenant for job in await finish(leases, 6)]
    assert "single" in tenants


async def test_what_exceeds_the_interactive_share_waits_as_bulk() -> None:
    engine = small(interactive_per_tenant=2)
    await accept(engine, *(job_of(number) for number in range(5)))
    assert (await engine.stats()).queued == {"interactive": 2, "bulk": 3}


async def test_bulk_work_does_not_use_up_the_interactive_share() -> None:
    engine = small(interactive_per_tenant=2)
    await accept(engine, *(job_of(number, reply_to="") for number in range(10)))
    await accept(engine, job_of(99))
    assert (await engine.stats()).queued == {"interactive": 1, "bulk": 10}


async def test_interactive_job_passes_the_tenants_own_bulk_work() -> None:
    engine = small()
    await accept(engine, *(job_of(number, reply_to="") for number in range(100)))
    await accept(engine, job_of(999))
    assert job_of(999) in await finish(engine.work(), 2)


# Memory


async def test_finished_job_is_forgotten_after_its_life() -> None:
    clock = FakeClock()
    engine = LocalEngine(LocalEngineSettings(result_life_s=60), clock)
    await accept(engine, job_of(1))
    await finish(engine.work())
    clock.advance(61)
    assert await engine.find(job_of(1).id) is None


async def test_finished_job_is_known_until_then() -> None:
    clock = FakeClock()
    engine = LocalEngine(LocalEngineSettings(result_life_s=60), clock)
    await accept(engine, job_of(1))
    await finish(engine.work())
    clock.advance(59)
    assert await engine.find(job_of(1).id) is not None


async def test_uuid_may_be_used_again_after_that() -> None:
    clock = FakeClock()
    engine = LocalEngine(LocalEngineSettings(result_life_s=60), clock)
    await accept(engine, job_of(1))
    await finish(engine.work())
    clock.advance(61)
    await accept(engine, job_of(1))


async def test_job_that_waits_is_never_forgotten() -> None:
    clock = FakeClock()
    engine = LocalEngine(LocalEngineSettings(result_life_s=60), clock)
    await accept(engine, job_of(1))
    clock.advance(3_600)
    assert await engine.find(job_of(1).id) is not None


async def test_oldest_finished_jobs_are_forgotten_above_the_limit() -> None:
    engine = small(max_finished=2)
    await accept(engine, job_of(1), job_of(2), job_of(3))
    await finish(engine.work(), 3)
    found = [await engine.find(job_of(number).id) for number in (1, 2, 3)]
    assert [state is not None for state in found] == [False, True, True]


async def test_results_that_nobody_fetches_are_dropped_in_the_end() -> None:
    clock = FakeClock()
    engine = LocalEngine(LocalEngineSettings(undelivered_life_s=60), clock)
    await accept(engine, job_of(1))
    await finish(engine.work())
    clock.advance(61)
    await accept(engine, job_of(2))
    await finish(engine.work())
    assert numbers(await read(engine)) == [2]


async def test_reader_that_stays_outlives_the_sweep() -> None:
    clock = FakeClock()
    engine = LocalEngine(LocalEngineSettings(undelivered_life_s=60), clock)
    reading = asyncio.ensure_future(read(engine))
    await asyncio.sleep(0)
    clock.advance(61)
    await accept(engine, job_of(1))
    await finish(engine.work())
    assert numbers(await reading) == [1]


async def test_oldest_wait_is_that_of_the_first_in_line() -> None:
    engine = small()
    now = time.time()
    await accept(engine, job_of(1, submitted_at=now - 50), job_of(2, submitted_at=now))
    assert (await engine.stats()).oldest_wait_s >= 50


# The end: nobody is left waiting, whatever state their job was in


async def test_what_waits_at_the_end_is_told_so() -> None:
    engine = small()
    await accept(engine, job_of(1))
    await engine.close(0)
    (result,) = await read(engine)
    assert result.outcome.fault is not None
    assert isinstance(result.outcome.fault.error(), ShuttingDown)


async def test_what_still_runs_at_the_end_is_told_so() -> None:
    engine = small()
    await accept(engine, job_of(1))
    await next_lease(engine.work())
    await engine.close(0)
    (result,) = await read(engine)
    assert result.outcome.fault is not None
    assert isinstance(result.outcome.fault.error(), ShuttingDown)


async def test_outcome_that_comes_after_the_end_is_ignored() -> None:
    engine = small()
    await accept(engine, job_of(1))
    lease = await next_lease(engine.work())
    await engine.close(0)
    (told,) = await read(engine)
    await lease.done(outcome_of(lease.job))
    state = await engine.find(job_of(1).id)
    assert state is not None
    assert state.outcome == told.outcome


async def test_job_given_back_after_the_end_is_not_offered_again() -> None:
    engine = small()
    await accept(engine, job_of(1))
    lease = await next_lease(engine.work())
    await engine.close(0)
    await lease.fail(0)
    assert [lease async for lease in engine.work()] == []


async def test_waiting_jobs_are_still_run_during_the_drain() -> None:
    engine = small()
    await accept(engine, job_of(1), job_of(2))
    leases = engine.work()
    closing = asyncio.ensure_future(engine.close(3_600))
    await asyncio.sleep(0)
    await finish(leases, 2)
    await closing
    assert all(result.outcome.product for result in await read(engine, 2, stream=STREAM))
