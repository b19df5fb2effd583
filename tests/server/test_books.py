"""The ledger of a cluster: what workers report may come again, and is written down once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from fakes import job_of, outcome_of
from msgspec.structs import replace

from inference import ledger
from inference.database import Database
from inference.ledger import charges_by_task
from protocol.errors import InternalError
from protocol.jobs import Outcome
from server import budgets, deliveries
from server.books import SCHEMA, Books
from server.budgets import Budgets, month_of, spent_in
from server.deliveries import Outbox
from server.pricing import PriceSettings, PriceTable

NOW = 1_000_000_000.0


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "books.sqlite")
    async with database.opened(ledger.SCHEMA, budgets.SCHEMA, deliveries.SCHEMA, SCHEMA):
        yield database


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


@pytest.fixture
def books(database: Database, outbox: Outbox) -> Books:
    spending = Budgets(PriceTable(PriceSettings()), 10**6, clock=lambda: NOW)
    return Books(database, spending, outbox, clock=lambda: NOW)


def success(number: int = 1, **task: str) -> Outcome:
    job = replace(job_of(number), key_id="k")
    job = replace(job, task=replace(job.task, **task))
    return replace(outcome_of(job), cost=Decimal("0.001"))


async def test_outcome_that_comes_twice_is_charged_once(books: Books, database: Database) -> None:
    await books.record([success(), success()])
    await books.record([success()])
    assert await database.read(charges_by_task) == {success().job.task.task_uuid: 1}


async def test_budget_is_charged_once_too(books: Books, database: Database) -> None:
    await books.record([success()])
    await books.record([success()])
    spent = await database.read(lambda connection: spent_in(connection, month_of(NOW)))
    assert spent == {"k": Decimal("0.001")}


async def test_webhook_is_owed_once(books: Books, outbox: Outbox) -> None:
    told = success(webhook_url="https://example.org/hook")
    await books.record([told])
    await books.record([told])
    assert [entry.kind for entry in await outbox.pending()] == ["webhook"]


async def test_failure_costs_nothing_and_is_told_all_the_same(
    books: Books, outbox: Outbox, database: Database
) -> None:
    job = success(webhook_url="https://example.org/hook").job
    await books.record([Outcome.failed(job, InternalError("It failed."))])
    assert await database.read(charges_by_task) == {}
    assert len(await outbox.pending()) == 1


async def test_ledger_keeps_its_identity(books: Books) -> None:
    assert await books.identity() == await books.identity()
