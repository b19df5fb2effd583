"""What every engine does. A test module subclasses `EngineSuite` and gives it an `engine`, and
`next_run`, which starts an engine whose worker dies, as a crash ends it, when the next one starts.

Nothing here counts on an engine being quick: what must not come is shown by what comes next.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from fakes import PATIENCE_S, STREAM, job_of, outcome_of, uuid_of
from msgspec.structs import replace

from inference.engine import EVERYTHING, Accepted, Engine, Lease, Refused, Result
from protocol.errors import (
    ConflictingTask,
    InferenceFailed,
    ShuttingDown,
    TaskAbandoned,
    TaskCancelled,
)
from protocol.faults import Fault
from protocol.jobs import Job, Outcome, RemoteImage
from protocol.tasks import RemoveBackground

NextRun = Callable[[], Awaitable[Engine]]


async def accept(engine: Engine, *jobs: Job) -> None:
    answers = await engine.submit(jobs)
    refused = [answer.error for answer in answers if isinstance(answer, Refused)]
    assert refused == [], refused


async def next_lease(leases: AsyncIterator[Lease]) -> Lease:
    return await asyncio.wait_for(anext(leases), PATIENCE_S)


async def finish(leases: AsyncIterator[Lease], count: int = 1) -> list[Job]:
    done = []
    for _ in range(count):
        lease = await next_lease(leases)
        await lease.done(outcome_of(lease.job))
        done.append(lease.job)
    return done


async def read(
    engine: Engine, count: int = 1, *, stream: str = STREAM, after: int = 0
) -> list[Result]:
    async with aclosing(engine.results(stream, after)) as results:
        return [await asyncio.wait_for(anext(results), PATIENCE_S) for _ in range(count)]


async def ended(engine: Engine, job: Job) -> Outcome:
    """How a job ended, once it has."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            state = await engine.find(job.id)
            if state is not None and state.outcome is not None:
                return state.outcome
            await asyncio.sleep(0.01)


def numbers(results: list[Result]) -> list[int]:
    """Which jobs these are the results of, by the last digits of their taskUUIDs."""
    return [int(result.outcome.job.task.task_uuid[-12:]) for result in results]


def remote_job_of(number: int) -> Job:
    """A job whose picture lies on somebody else's server."""
    images = {"inputImage": RemoteImage(url="http://192.0.2.1/1.png")}
    return replace(job_of(number), images=images)


class EngineSuite:
    """The rules of `inference.engine.Engine`."""

    # Submission

    async def test_accepted_job_is_offered_to_a_worker(self, engine: Engine) -> None:
        job = job_of(1)
        await accept(engine, job)
        assert (await next_lease(engine.work())).job == job

    async def test_first_try_is_number_one(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        assert (await next_lease(engine.work())).attempt == 1

    async def test_worker_that_waits_gets_the_job_that_comes(self, engine: Engine) -> None:
        waiting = asyncio.ensure_future(next_lease(engine.work()))
        await asyncio.sleep(0)
        await accept(engine, job_of(1))
        assert (await waiting).job == job_of(1)

    async def test_id_submitted_twice_is_refused_the_second_time(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        (answer,) = await engine.submit([job_of(1)])
        assert isinstance(answer, Refused)
        assert isinstance(answer.error, ConflictingTask)

    async def test_id_submitted_twice_runs_once(self, engine: Engine) -> None:
        await engine.submit([job_of(1), job_of(1)])
        await accept(engine, job_of(2))
        assert await finish(engine.work(), 2) == [job_of(1), job_of(2)]

    async def test_id_of_a_finished_job_is_refused(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        await finish(engine.work())
        (answer,) = await engine.submit([job_of(1)])
        assert isinstance(answer, Refused)

    async def test_id_does_not_depend_on_the_case_of_the_uuid(self, engine: Engine) -> None:
        uuid = "abcdefab-0000-4000-8000-000000000001"
        lower = job_of(task=RemoveBackground(task_uuid=uuid, input_image=""))
        upper = job_of(task=RemoveBackground(task_uuid=uuid.upper(), input_image=""))
        answers = await engine.submit([lower, upper])
        assert [type(answer) for answer in answers] == [Accepted, Refused]

    async def test_same_uuid_of_another_tenant_is_another_job(self, engine: Engine) -> None:
        await accept(engine, job_of(1, tenant="a"), job_of(1, tenant="b"))
        assert {job.tenant for job in await finish(engine.work(), 2)} == {"a", "b"}

    async def test_refused_job_leaves_its_neighbours_alone(self, engine: Engine) -> None:
        await accept(engine, job_of(2))
        answers = await engine.submit([job_of(1), job_of(2), job_of(3)])
        assert [type(answer) for answer in answers] == [Accepted, Refused, Accepted]

    async def test_jobs_of_one_tenant_come_in_their_order(self, engine: Engine) -> None:
        jobs = [job_of(number) for number in range(10)]
        await accept(engine, *jobs)
        assert await finish(engine.work(), 10) == jobs

    # Pools

    async def test_job_whose_picture_is_elsewhere_goes_to_the_fetching_workers(
        self, engine: Engine
    ) -> None:
        await accept(engine, remote_job_of(1), job_of(2))
        assert await finish(engine.work("fetch")) == [remote_job_of(1)]
        assert await finish(engine.work("compute")) == [job_of(2)]

    async def test_fetching_job_is_answered_like_any_other(self, engine: Engine) -> None:
        await accept(engine, remote_job_of(1))
        await finish(engine.work("fetch"))
        assert numbers(await read(engine)) == [1]

    async def test_fetching_job_can_be_cancelled(self, engine: Engine) -> None:
        await accept(engine, remote_job_of(1))
        assert await engine.cancel([remote_job_of(1).id]) == 1

    # Results

    async def test_outcome_reaches_the_stream_that_was_named(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        await finish(engine.work())
        (result,) = await read(engine)
        assert result.outcome == outcome_of(job_of(1))

    async def test_failure_reaches_the_stream_too(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        lease = await next_lease(engine.work())
        await lease.done(Outcome.failed(lease.job, InferenceFailed("It failed.")))
        (result,) = await read(engine)
        assert result.outcome.fault == Fault(kind="InferenceFailed", message="It failed.")

    async def test_result_of_its_own_stream_is_not_polled(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        await finish(engine.work())
        (result,) = await read(engine)
        assert not result.is_polled

    async def test_reader_that_waits_gets_the_result_that_comes(self, engine: Engine) -> None:
        reading = asyncio.ensure_future(read(engine))
        await asyncio.sleep(0)
        await accept(engine, job_of(1))
        await finish(engine.work())
        assert numbers(await reading) == [1]

    async def test_job_settled_twice_has_one_result(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2))
        leases = engine.work()
        first = await next_lease(leases)
        await first.done(outcome_of(first.job))
        await first.done(Outcome.failed(first.job, InferenceFailed("Too late.")))
        await finish(leases)
        assert numbers(await read(engine, 2)) == [1, 2]

    async def test_sequence_numbers_ascend(self, engine: Engine) -> None:
        await accept(engine, *(job_of(number) for number in range(5)))
        await finish(engine.work(), 5)
        seqs = [result.seq for result in await read(engine, 5)]
        assert seqs == sorted(set(seqs))

    async def test_results_come_in_the_order_of_completion(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2))
        leases = engine.work()
        first, second = await next_lease(leases), await next_lease(leases)
        await second.done(outcome_of(second.job))
        await first.done(outcome_of(first.job))
        assert numbers(await read(engine, 2)) == [2, 1]

    async def test_streams_do_not_mix(self, engine: Engine) -> None:
        await accept(engine, job_of(1, reply_to="ws.a"), job_of(2, reply_to="ws.b"))
        await finish(engine.work(), 2)
        assert numbers(await read(engine, stream="ws.b")) == [2]

    async def test_results_stay_until_they_are_forgotten(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        await finish(engine.work())
        await read(engine)
        assert numbers(await read(engine)) == [1]

    async def test_reader_goes_on_after_the_number_it_names(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2), job_of(3))
        await finish(engine.work(), 3)
        first, *_ = await read(engine, 3)
        assert numbers(await read(engine, 2, after=first.seq)) == [2, 3]

    async def test_replay_goes_over_into_live_results(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2))
        leases = engine.work()
        await finish(leases)
        async with aclosing(engine.results(STREAM)) as results:
            replayed = await asyncio.wait_for(anext(results), PATIENCE_S)
            await finish(leases)
            live = await asyncio.wait_for(anext(results), PATIENCE_S)
        assert numbers([replayed, live]) == [1, 2]

    async def test_forgotten_results_do_not_come_again(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2))
        await finish(engine.work(), 2)
        first, _ = await read(engine, 2)
        engine.forget(STREAM, first.seq)
        assert numbers(await read(engine)) == [2]

    async def test_forgetting_may_be_repeated(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2))
        await finish(engine.work(), 2)
        first, _ = await read(engine, 2)
        engine.forget(STREAM, first.seq)
        engine.forget(STREAM, first.seq)
        assert numbers(await read(engine)) == [2]

    async def test_forgetting_an_unknown_stream_is_no_error(self, engine: Engine) -> None:
        engine.forget("ws.nobody", EVERYTHING)

    async def test_stream_can_be_forgotten_as_a_whole(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2))
        leases = engine.work()
        await finish(leases)
        engine.forget(STREAM, EVERYTHING)
        await finish(leases)
        assert numbers(await read(engine)) == [2]

    async def test_stream_may_be_forgotten_while_it_is_read(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2))
        leases = engine.work()
        await finish(leases)
        async with aclosing(engine.results(STREAM)) as results:
            first = await asyncio.wait_for(anext(results), PATIENCE_S)
            engine.forget(STREAM, first.seq)
            await finish(leases)
            second = await asyncio.wait_for(anext(results), PATIENCE_S)
        assert numbers([second]) == [2]

    # Looking up and following

    async def test_unknown_job_is_not_found(self, engine: Engine) -> None:
        assert await engine.find(job_of(1).id) is None

    async def test_refused_job_is_not_found(self, engine: Engine) -> None:
        await engine.close(0)
        await engine.submit([job_of(1)])
        assert await engine.find(job_of(1).id) is None

    async def test_waiting_job_is_found_without_an_outcome(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        state = await engine.find(job_of(1).id)
        assert state is not None
        assert state.outcome is None

    async def test_running_job_is_found_without_an_outcome(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        await next_lease(engine.work())
        state = await engine.find(job_of(1).id)
        assert state is not None
        assert state.outcome is None

    async def test_finished_job_is_found_with_its_outcome(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        await finish(engine.work())
        state = await engine.find(job_of(1).id)
        assert state is not None
        assert state.outcome == outcome_of(job_of(1))

    async def test_outcome_is_found_after_the_stream_was_forgotten(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        await finish(engine.work())
        engine.forget(STREAM, EVERYTHING)
        state = await engine.find(job_of(1).id)
        assert state is not None
        assert state.outcome is not None

    async def test_async_job_is_found_though_it_has_no_stream(self, engine: Engine) -> None:
        await accept(engine, job_of(1, reply_to=""))
        await finish(engine.work())
        state = await engine.find(job_of(1).id)
        assert state is not None
        assert state.outcome is not None

    async def test_other_tenants_do_not_find_the_job(self, engine: Engine) -> None:
        await accept(engine, job_of(1, tenant="a"))
        assert await engine.find(("b", uuid_of(1))) is None

    async def test_follower_gets_the_outcome_as_polled(self, engine: Engine) -> None:
        await accept(engine, job_of(1, reply_to=""))
        await engine.find(job_of(1).id, follow="ws.follower")
        await finish(engine.work())
        (result,) = await read(engine, stream="ws.follower")
        assert result.outcome.job.task.task_uuid == uuid_of(1)
        assert result.is_polled

    async def test_job_that_is_followed_is_still_answered_where_it_was_asked(
        self, engine: Engine
    ) -> None:
        await accept(engine, job_of(1))
        await engine.find(job_of(1).id, follow="ws.follower")
        await finish(engine.work())
        assert numbers(await read(engine)) == [1]

    async def test_following_twice_brings_one_result(self, engine: Engine) -> None:
        await accept(engine, job_of(1, reply_to=""), job_of(2, reply_to="ws.follower"))
        await engine.find(job_of(1).id, follow="ws.follower")
        await engine.find(job_of(1).id, follow="ws.follower")
        await finish(engine.work(), 2)
        assert sorted(numbers(await read(engine, 2, stream="ws.follower"))) == [1, 2]

    async def test_following_in_the_jobs_own_stream_brings_one_result(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2))
        await engine.find(job_of(1).id, follow=STREAM)
        await finish(engine.work(), 2)
        assert numbers(await read(engine, 2)) == [1, 2]

    async def test_following_what_has_ended_brings_nothing(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2, reply_to="ws.follower"))
        leases = engine.work()
        await finish(leases)
        await engine.find(job_of(1).id, follow="ws.follower")
        await finish(leases)
        assert numbers(await read(engine, stream="ws.follower")) == [2]

    # Cancellation

    async def test_waiting_job_can_be_cancelled(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        assert await engine.cancel([job_of(1).id]) == 1

    async def test_cancelled_job_ends_with_that_error(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        await engine.cancel([job_of(1).id])
        (result,) = await read(engine)
        assert result.outcome.fault is not None
        assert isinstance(result.outcome.fault.error(), TaskCancelled)

    async def test_cancelled_job_is_not_offered(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2))
        await engine.cancel([job_of(1).id])
        assert await finish(engine.work()) == [job_of(2)]

    async def test_running_job_is_not_cancelled(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        lease = await next_lease(engine.work())
        assert await engine.cancel([job_of(1).id]) == 0
        await lease.done(outcome_of(lease.job))
        (result,) = await read(engine)
        assert result.outcome == outcome_of(job_of(1))

    async def test_job_that_is_told_done_twice_at_once_ends_once(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2))
        leases = engine.work()
        lease = await next_lease(leases)
        outcome = outcome_of(lease.job)
        await asyncio.gather(lease.done(outcome), lease.done(outcome))
        await finish(leases)
        assert sorted(numbers(await read(engine, 2))) == [1, 2]

    async def test_job_that_another_stream_was_promised_is_not_cancelled(
        self, engine: Engine
    ) -> None:
        await accept(engine, job_of(1))
        await engine.find(job_of(1).id, follow="somebody else")
        assert await engine.cancel([job_of(1).id]) == 0
        assert await finish(engine.work()) == [job_of(1)]

    async def test_cancelling_what_has_ended_changes_nothing(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        await finish(engine.work())
        assert await engine.cancel([job_of(1).id]) == 0

    async def test_cancelling_what_nobody_knows_is_no_error(self, engine: Engine) -> None:
        assert await engine.cancel([job_of(1).id]) == 0

    async def test_only_the_named_jobs_are_cancelled(self, engine: Engine) -> None:
        await accept(engine, job_of(1, tenant="a"), job_of(1, tenant="b"))
        await engine.cancel([("a", uuid_of(1))])
        assert [job.tenant for job in await finish(engine.work())] == ["b"]

    # Trying again

    async def test_job_given_back_is_offered_again(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        leases = engine.work()
        await (await next_lease(leases)).fail(0)
        assert (await next_lease(leases)).job == job_of(1)

    async def test_job_given_back_knows_that_it_was_tried(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        leases = engine.work()
        await (await next_lease(leases)).fail(0)
        assert (await next_lease(leases)).attempt == 2

    async def test_job_given_back_has_one_result(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        leases = engine.work()
        await (await next_lease(leases)).fail(0)
        await accept(engine, job_of(2))
        await finish(leases, 2)
        assert sorted(numbers(await read(engine, 2))) == [1, 2]

    async def test_job_that_ends_its_process_each_time_is_abandoned(
        self, next_run: NextRun
    ) -> None:
        engine = await next_run()
        await accept(engine, job_of(1))
        for _ in range(3):
            lease = await next_lease(engine.work())
            await lease.begin()
            engine = await next_run()
        offered = asyncio.ensure_future(next_lease(engine.work()))
        fault = (await ended(engine, job_of(1))).fault
        offered.cancel()
        await asyncio.wait({offered})
        assert fault is not None
        assert isinstance(fault.error(), TaskAbandoned)

    async def test_job_that_ended_its_process_twice_may_succeed(self, next_run: NextRun) -> None:
        engine = await next_run()
        await accept(engine, job_of(1))
        for _ in range(2):
            lease = await next_lease(engine.work())
            await lease.begin()
            engine = await next_run()
        await finish(engine.work())
        assert (await ended(engine, job_of(1))).fault is None

    # The end

    async def test_closed_engine_refuses_at_once(self, engine: Engine) -> None:
        await engine.close(0)
        (answer,) = await engine.submit([job_of(1)])
        assert isinstance(answer, Refused)
        assert isinstance(answer.error, ShuttingDown)

    async def test_idle_engine_closes_at_once(self, engine: Engine) -> None:
        await asyncio.wait_for(engine.close(3_600), PATIENCE_S)

    async def test_closing_waits_for_what_runs(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        lease = await next_lease(engine.work())
        closing = asyncio.ensure_future(engine.close(3_600))
        await asyncio.sleep(0)
        assert not closing.done()
        await lease.done(outcome_of(lease.job))
        await asyncio.wait_for(closing, PATIENCE_S)

    async def test_what_ends_during_the_drain_is_delivered(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        lease = await next_lease(engine.work())
        closing = asyncio.ensure_future(engine.close(3_600))
        await asyncio.sleep(0)
        await lease.done(outcome_of(lease.job))
        await closing
        (result,) = await read(engine)
        assert result.outcome == outcome_of(job_of(1))

    async def test_worker_that_waits_ends_when_the_engine_closes(self, engine: Engine) -> None:
        async def serve() -> list[Lease]:
            return [lease async for lease in engine.work()]

        workers = [asyncio.ensure_future(serve()) for _ in range(2)]
        await asyncio.sleep(0)
        await engine.close(0)
        assert await asyncio.wait_for(asyncio.gather(*workers), PATIENCE_S) == [[], []]

    async def test_closing_may_be_repeated(self, engine: Engine) -> None:
        await engine.close(0)
        await asyncio.wait_for(engine.close(0), PATIENCE_S)

    # How busy it is

    async def test_idle_engine_says_so(self, engine: Engine) -> None:
        stats = await engine.stats()
        assert (sum(stats.queued.values()), stats.running, stats.oldest_wait_s) == (0, 0, 0)

    async def test_waiting_jobs_are_counted_by_lane(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2), job_of(3, reply_to=""))
        assert (await engine.stats()).queued == {"interactive": 2, "bulk": 1}

    async def test_running_jobs_are_counted(self, engine: Engine) -> None:
        await accept(engine, job_of(1), job_of(2))
        await next_lease(engine.work())
        stats = await engine.stats()
        assert (sum(stats.queued.values()), stats.running) == (1, 1)

    async def test_finished_jobs_are_not_counted(self, engine: Engine) -> None:
        await accept(engine, job_of(1))
        await finish(engine.work())
        stats = await engine.stats()
        assert (sum(stats.queued.values()), stats.running) == (0, 0)
