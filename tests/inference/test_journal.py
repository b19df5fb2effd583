"""The journal: what was taken stays, what ended is found and charged once, both for their time."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from engines import open_database
from fakes import FakeClock, job_of, outcome_of, product_of, uuid_of
from msgspec.structs import replace

from inference.database import Database
from inference.journal import Journal, JournalSettings
from inference.ledger import charges_by_task, usage_by_day
from protocol.errors import InferenceFailed, StorageUnavailable
from protocol.jobs import Job, Outcome, RemoteImage

DAY_S = 24 * 3600.0
LEDGER = """
SELECT tenant, task_uuid, task_type, model, cost, megapixels, finished_at FROM charges
"""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now=0.0)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path) as database:
        yield database


@pytest.fixture
def journal(database: Database, clock: FakeClock) -> Journal:
    return Journal(database, JournalSettings(), clock=clock)


def journal_on(database: Database, clock: FakeClock, **settings: Any) -> Journal:
    return Journal(database, JournalSettings(**settings), clock=clock)


async def run(journal: Journal, *jobs: Job) -> None:
    """Take jobs and end them well."""
    assert await journal.accept(jobs) == [True] * len(jobs)
    for job in jobs:
        await journal.settle(outcome_of(job))


async def is_found(journal: Journal, job: Job) -> bool:
    return await journal.find(job.id) is not None


async def charges(database: Database) -> dict[str, int]:
    return await database.read(charges_by_task)


# Jobs


async def test_job_that_was_taken_is_unfinished(journal: Journal) -> None:
    await journal.accept([job_of(1)])
    assert await journal.unfinished() == [(job_of(1), 0)]


async def test_job_comes_back_with_all_its_fields(journal: Journal) -> None:
    images = {"inputImage": RemoteImage(url="https://example.org/ä?b=1")}
    job = replace(job_of(1, model="m", cost_units=2.5), images=images)
    await journal.accept([job])
    assert await journal.unfinished() == [(job, 0)]


async def test_jobs_come_back_in_their_order(journal: Journal) -> None:
    jobs = [job_of(number) for number in (3, 1, 2)]
    await journal.accept(jobs)
    assert [job for job, _ in await journal.unfinished()] == jobs


async def test_id_is_taken_once(journal: Journal) -> None:
    assert await journal.accept([job_of(1), job_of(1), job_of(2)]) == [True, False, True]


async def test_id_of_a_finished_job_is_not_free(journal: Journal) -> None:
    await run(journal, job_of(1))
    assert await journal.accept([job_of(1)]) == [False]


async def test_id_of_another_tenant_is_free(journal: Journal) -> None:
    assert await journal.accept([job_of(1, tenant="a"), job_of(1, tenant="b")]) == [True, True]


async def test_tries_are_counted(journal: Journal) -> None:
    await journal.accept([job_of(1), job_of(2)])
    await journal.begin(job_of(1).id)
    await journal.begin(job_of(1).id)
    assert [tries for _, tries in await journal.unfinished()] == [2, 0]


async def test_try_that_is_excused_does_not_count(journal: Journal) -> None:
    await journal.accept([job_of(1)])
    await journal.begin(job_of(1).id)
    await journal.excuse(job_of(1).id)
    assert [tries for _, tries in await journal.unfinished()] == [0]


# Outcomes


async def test_finished_job_is_no_longer_unfinished(journal: Journal) -> None:
    await run(journal, job_of(1))
    assert await journal.unfinished() == []


async def test_finished_job_is_found_with_its_outcome(journal: Journal) -> None:
    await run(journal, job_of(1))
    state = await journal.find(job_of(1).id)
    assert state is not None
    assert (state.job, state.outcome) == (job_of(1), outcome_of(job_of(1)))


async def test_fault_is_found_as_it_was(journal: Journal) -> None:
    failed = Outcome.failed(job_of(1), InferenceFailed("It failed.", detail="why"))
    await journal.accept([job_of(1)])
    await journal.settle(failed)
    state = await journal.find(job_of(1).id)
    assert state is not None
    assert state.outcome == failed


async def test_first_outcome_stands(journal: Journal) -> None:
    await run(journal, job_of(1))
    assert not await journal.settle(Outcome.failed(job_of(1), InferenceFailed("Too late.")))
    state = await journal.find(job_of(1).id)
    assert state is not None
    assert state.outcome == outcome_of(job_of(1))


async def test_other_tenants_do_not_find_the_job(journal: Journal) -> None:
    await run(journal, job_of(1, tenant="a"))
    assert await journal.find(("b", uuid_of(1))) is None


async def test_what_must_be_written_with_an_outcome_is_written_with_it(
    database: Database, clock: FakeClock
) -> None:
    def record(connection: sqlite3.Connection, outcome: Outcome) -> None:
        connection.execute("CREATE TABLE seen AS SELECT ? AS id", (outcome.job.task.task_uuid,))

    journal = Journal(database, JournalSettings(), records=[record], clock=clock)
    await run(journal, job_of(1))
    assert await database.read(lambda c: c.execute("SELECT id FROM seen").fetchall()) == [
        (uuid_of(1),)
    ]


async def test_outcome_is_not_kept_without_what_must_be_written_with_it(
    database: Database, clock: FakeClock
) -> None:
    def fail(connection: sqlite3.Connection, outcome: Outcome) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    journal = Journal(database, JournalSettings(), records=[fail], clock=clock)
    await journal.accept([job_of(1)])
    with pytest.raises(StorageUnavailable):
        await journal.settle(outcome_of(job_of(1)))
    assert await journal.unfinished() == [(job_of(1), 0)]
    assert await charges(database) == {}


# Retention


async def test_outcome_is_forgotten_after_its_life(database: Database, clock: FakeClock) -> None:
    journal = journal_on(database, clock, result_life_s=60)
    await run(journal, job_of(1))
    clock.advance(61)
    assert not await is_found(journal, job_of(1))


async def test_oldest_outcomes_are_forgotten_above_the_limit(
    database: Database, clock: FakeClock
) -> None:
    journal = journal_on(database, clock, max_finished=2)
    await run(journal, job_of(1), job_of(2), job_of(3))
    assert [await is_found(journal, job_of(number)) for number in (1, 2, 3)] == [False, True, True]


async def test_forgotten_id_is_free_again(database: Database, clock: FakeClock) -> None:
    journal = journal_on(database, clock, result_life_s=60)
    await run(journal, job_of(1))
    clock.advance(61)
    await run(journal, job_of(1))
    assert await is_found(journal, job_of(1))


async def test_purge_removes_what_is_forgotten(database: Database, clock: FakeClock) -> None:
    journal = journal_on(database, clock, result_life_s=60)
    await run(journal, *(job_of(number) for number in range(1_200)))
    clock.advance(61)
    await run(journal, job_of(5_000))
    assert await journal.purge() == 1_200
    assert await is_found(journal, job_of(5_000))


async def test_purge_leaves_jobs_that_have_not_ended(database: Database, clock: FakeClock) -> None:
    journal = journal_on(database, clock, result_life_s=60)
    await journal.accept([job_of(1)])
    clock.advance(61)
    await journal.purge()
    assert await journal.unfinished() == [(job_of(1), 0)]


async def test_file_does_not_grow_when_as_much_is_forgotten_as_comes(
    database: Database, clock: FakeClock
) -> None:
    journal = journal_on(database, clock, max_finished=100, ledger_life_s=1)

    async def serve(first: int) -> int:
        await run(journal, *(job_of(number) for number in range(first, first + 300)))
        clock.advance(2)
        await journal.purge()
        (pages,) = await database.read(lambda c: c.execute("PRAGMA page_count").fetchone())
        return int(pages)

    await serve(0)
    sizes = [await serve(first) for first in range(300, 1_500, 300)]
    assert max(sizes) == sizes[0]


# Charges


async def test_success_is_charged_once(journal: Journal, database: Database) -> None:
    await run(journal, job_of(1))
    await journal.settle(outcome_of(job_of(1)))
    assert await charges(database) == {uuid_of(1): 1}


async def test_failure_is_not_charged(journal: Journal, database: Database) -> None:
    await journal.accept([job_of(1)])
    await journal.settle(Outcome.failed(job_of(1), InferenceFailed("It failed.")))
    assert await charges(database) == {}


async def test_charge_says_what_was_done_for_whom_and_for_how_much(
    journal: Journal, database: Database, clock: FakeClock
) -> None:
    clock.advance(5)
    job = job_of(1, model="m")
    await journal.accept([job])
    await journal.settle(
        Outcome(job=job, product=product_of(2_000, 1_000), cost=Decimal("0.001000"))
    )
    (row,) = await database.read(lambda c: c.execute(LEDGER).fetchall())
    assert row == ("acme", uuid_of(1), job.task.task_type, "m", "0.001000", 2.0, 5.0)


async def test_id_that_is_used_again_later_is_charged_again(
    database: Database, clock: FakeClock
) -> None:
    journal = journal_on(database, clock, result_life_s=60)
    await run(journal, job_of(1, submitted_at=0.0))
    clock.advance(61)
    await run(journal, job_of(1, submitted_at=61.0))
    assert await charges(database) == {uuid_of(1): 2}


async def test_charges_outlive_outcomes(database: Database, clock: FakeClock) -> None:
    journal = journal_on(database, clock, result_life_s=60)
    await run(journal, job_of(1))
    clock.advance(DAY_S)
    await journal.purge()
    assert await charges(database) == {uuid_of(1): 1}


async def test_charges_go_after_their_life(database: Database, clock: FakeClock) -> None:
    journal = journal_on(database, clock, ledger_life_s=400 * DAY_S)
    await run(journal, job_of(1))
    clock.advance(401 * DAY_S)
    await journal.purge()
    assert await charges(database) == {}


async def test_charges_are_counted_for_one_tenant(journal: Journal, database: Database) -> None:
    await run(journal, job_of(1, tenant="a"), job_of(2, tenant="b"))
    assert await database.read(lambda c: charges_by_task(c, "b")) == {uuid_of(2): 1}


async def test_usage_is_summed_by_day_and_tenant(
    journal: Journal, database: Database, clock: FakeClock
) -> None:
    cent = Decimal("0.01")
    for number, tenant in enumerate("aab"):
        job = job_of(number, tenant=tenant)
        await journal.accept([job])
        await journal.settle(replace(outcome_of(job), cost=cent * (number + 1)))
    clock.advance(DAY_S)
    job = job_of(9, tenant="a")
    await journal.accept([job])
    await journal.settle(replace(outcome_of(job), cost=cent))
    found = await database.read(lambda c: usage_by_day(c, "", 0.0))
    assert [(usage.day, usage.tenant, usage.tasks, usage.cost) for usage in found] == [
        ("1970-01-01", "a", 2, Decimal("0.03")),
        ("1970-01-01", "b", 1, Decimal("0.03")),
        ("1970-01-02", "a", 1, Decimal("0.01")),
    ]


async def test_many_small_costs_add_up_exactly(journal: Journal, database: Database) -> None:
    for number in range(30):
        await journal.accept([job_of(number)])
        outcome = replace(outcome_of(job_of(number)), cost=Decimal("0.0001"))
        await journal.settle(outcome)
    (usage,) = await database.read(lambda c: usage_by_day(c, "", 0.0))
    assert usage.cost == Decimal("0.0030")
