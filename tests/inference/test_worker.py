"""The pull loop: as many jobs as allowed, each accounted for and settled once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from engines import engine_on, open_database
from fakes import PATIENCE_S, STREAM, GatedRunner, RecordedSettlement, job_of, outcome_of, uuid_of
from msgspec.structs import replace

from inference.engine import EVERYTHING, Lease
from inference.local_engine import LocalEngine
from inference.worker import Worker
from protocol.jobs import Job, Outcome, Pool, RemoteImage


@dataclass
class Desk:
    """A worker at its engine, with all that it works with in the test's hands."""

    engine: LocalEngine
    settlement: RecordedSettlement
    runner: GatedRunner = field(default_factory=GatedRunner)

    @asynccontextmanager
    async def staffed(self, concurrency: int = 2) -> AsyncIterator[asyncio.Task[None]]:
        """Run a worker, and let it end in order."""
        worker = Worker(self.engine, self.runner, concurrency=concurrency)
        running = asyncio.ensure_future(worker.run())
        try:
            yield running
        finally:
            await self.engine.close(0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settlement = RecordedSettlement()
    async with open_database(tmp_path) as database:
        yield Desk(engine_on(database, settlement=settlement), settlement)


async def outcomes(desk: Desk, count: int) -> list[Outcome]:
    found: list[Outcome] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(desk.engine.results(STREAM)) as results:
        async for result in results:
            found.append(result.outcome)
            if len(found) == count:
                break
    return found


async def test_job_ends_with_the_outcome_that_the_runner_returned(desk: Desk) -> None:
    async with desk.staffed():
        await desk.engine.submit([job_of(1)])
        desk.runner.open(job_of(1))
        assert await outcomes(desk, 1) == [outcome_of(job_of(1))]


async def test_as_many_jobs_run_at_once_as_allowed(desk: Desk) -> None:
    async with desk.staffed(concurrency=3):
        await desk.engine.submit([job_of(number) for number in range(9)])
        await desk.runner.has_begun(3)
        assert desk.runner.running == 3


async def test_no_more_jobs_run_at_once_than_allowed(desk: Desk) -> None:
    jobs = [job_of(number) for number in range(9)]
    async with desk.staffed(concurrency=3):
        await desk.engine.submit(jobs)
        await desk.runner.has_begun(3)
        desk.runner.open(*jobs)
        await outcomes(desk, 9)
        assert desk.runner.most_running == 3


async def test_jobs_beyond_the_limit_and_one_taken_ahead_stay_with_the_engine(desk: Desk) -> None:
    async with desk.staffed(concurrency=1):
        await desk.engine.submit([job_of(1), job_of(2), job_of(3)])
        await desk.runner.has_begun(1)
        assert await desk.engine.cancel([job_of(3).id]) == 1


async def test_job_that_ends_makes_room_for_the_next(desk: Desk) -> None:
    async with desk.staffed(concurrency=1):
        await desk.engine.submit([job_of(1), job_of(2)])
        await desk.runner.has_begun(1)
        desk.runner.open(job_of(1))
        await desk.runner.has_begun(2)
        assert desk.runner.begun[1].task.task_uuid == uuid_of(2)


async def test_every_job_is_accounted_for_once(desk: Desk) -> None:
    jobs = [job_of(number) for number in range(5)]
    async with desk.staffed():
        await desk.engine.submit(jobs)
        desk.runner.open(*jobs)
        await outcomes(desk, 5)
    assert sorted(outcome.job.id for outcome in desk.settlement.outcomes) == [
        job.id for job in jobs
    ]


async def test_try_is_counted_before_the_work_begins(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = asyncio.Event()

    async def begin(_: Job) -> None:
        counting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(desk.engine, "begin", begin)
    async with desk.staffed():
        await desk.engine.submit([job_of(1)])
        await counting.wait()
        assert desk.runner.begun == []


async def test_worker_ends_when_the_engine_closes(desk: Desk) -> None:
    async with desk.staffed() as running:
        await desk.engine.close(0)
        await running


async def test_worker_ends_only_after_the_jobs_in_its_hands(desk: Desk) -> None:
    async with desk.staffed() as running:
        await desk.engine.submit([job_of(1)])
        await desk.runner.has_begun(1)
        closing = asyncio.ensure_future(desk.engine.close(3_600))
        await asyncio.sleep(0)
        assert not running.done()
        desk.runner.open(job_of(1))
        await running
        await closing
    assert len(desk.settlement.outcomes) == 1


async def test_worker_can_be_stopped_in_the_middle(desk: Desk) -> None:
    async with desk.staffed() as running:
        await desk.engine.submit([job_of(1)])
        await desk.runner.has_begun(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert desk.runner.running == 0


async def test_job_whose_client_left_still_ends_in_order(desk: Desk) -> None:
    async with desk.staffed(concurrency=1):
        await desk.engine.submit([job_of(1), job_of(2)])
        await desk.runner.has_begun(1)
        desk.engine.forget(STREAM, EVERYTHING)
        desk.runner.open(job_of(1), job_of(2))
        assert len(await outcomes(desk, 2)) == 2


class BrokenLease:
    """A lease whose outcome cannot be delivered."""

    attempt = 1

    def __init__(self, job: Job) -> None:
        self.job = job

    async def begin(self) -> None:
        """Nothing to count."""

    async def done(self, outcome: Outcome) -> None:
        raise ConnectionError("the broker is away")

    async def fail(self, delay_s: float) -> None:
        """Nothing to give back."""


async def test_defect_of_the_engine_ends_the_worker_loudly(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(pool: Pool = "compute") -> AsyncIterator[Lease]:
        if pool == "compute":
            yield BrokenLease(job_of(1))

    monkeypatch.setattr(desk.engine, "work", work)
    desk.runner.open(job_of(1))
    with pytest.RaisesGroup(ConnectionError, flatten_subgroups=True):
        await Worker(desk.engine, desk.runner, concurrency=1).run()


async def test_job_that_fetches_takes_its_turn_among_the_computing_ones(desk: Desk) -> None:
    async with desk.staffed(concurrency=1):
        await desk.engine.submit([job_of(1)])
        await desk.runner.has_begun(1)
        await desk.engine.submit([remote_job_of(2)])
        await asyncio.sleep(0)
        desk.runner.open(job_of(1), job_of(2))
        await outcomes(desk, 2)
        assert desk.runner.most_running == 1


async def test_jobs_that_wait_for_a_slow_server_hold_up_no_other_job(desk: Desk) -> None:
    stuck = asyncio.Event()
    runner = FetchingRunner(stuck)
    worker = Worker(desk.engine, runner, concurrency=1, fetches=2)
    running = asyncio.ensure_future(worker.run())
    await desk.engine.submit([remote_job_of(number) for number in range(2)])
    await desk.engine.submit([job_of(9)])
    assert await outcomes(desk, 1) == [outcome_of(job_of(9))]
    stuck.set()
    await outcomes(desk, 3)
    await desk.engine.close(0)
    await running


class FetchingRunner:
    """Waits for the gate, without its turn, before it runs a job with a remote picture."""

    def __init__(self, gate: asyncio.Event) -> None:
        self._gate = gate

    async def run(self, job: Job, turn: AbstractAsyncContextManager[None]) -> Outcome:
        if job.pool == "fetch":
            await self._gate.wait()
        async with turn:
            return outcome_of(job)


def remote_job_of(number: int) -> Job:
    return replace(job_of(number), images={"inputImage": RemoteImage(url="http://example.org/a")})
