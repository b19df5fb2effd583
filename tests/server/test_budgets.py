"""Budgets of API keys: never overdrawn, whatever comes at once, and remembered on the disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock, job_of, product_of, removal
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.database import Database
from protocol.errors import InsufficientCredits
from protocol.jobs import Job, Outcome
from server.budgets import SCHEMA, Budgets, month_of, spent_in
from server.pricing import PriceSettings, PriceTable

NOVEMBER, DECEMBER = 1_795_000_000.0, 1_797_000_000.0
PRICE = Decimal("0.0008")
"""Of a plain cut-out of 1 MP."""
LIMIT_PIXELS = 50_000_000


def asked(number: int = 1, **fields: Any) -> Job:
    return job_of(number, key_id=fields.pop("key_id", "k1"), pixels=1_000_000, **fields)


def ended(job: Job, cost: Decimal = PRICE) -> Outcome:
    return Outcome(job=job, product=product_of(), cost=cost)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOVEMBER)


@pytest.fixture
def budgets(clock: FakeClock) -> Budgets:
    return Budgets(PriceTable(PriceSettings()), LIMIT_PIXELS, clock)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "test.sqlite")
    async with database.opened(SCHEMA):
        yield database


def test_task_within_the_budget_is_taken(budgets: Budgets) -> None:
    budgets.reserve(asked(), PRICE)


def test_task_that_could_overdraw_it_is_refused(budgets: Budgets) -> None:
    with pytest.raises(InsufficientCredits):
        budgets.reserve(asked(), PRICE - Decimal("0.000001"))


def test_tasks_in_work_count_at_their_highest_price(budgets: Budgets) -> None:
    for number in range(3):
        budgets.reserve(asked(number), 3 * PRICE)
    with pytest.raises(InsufficientCredits):
        budgets.reserve(asked(4), 3 * PRICE)


def test_task_that_was_not_taken_gives_back_what_was_set_aside(budgets: Budgets) -> None:
    budgets.reserve(asked(1), PRICE)
    budgets.release(asked(1))
    budgets.reserve(asked(2), PRICE)


def test_repeated_task_that_is_refused_gives_back_its_own_share_only(budgets: Budgets) -> None:
    budgets.reserve(asked(1, submitted_at=1.0), 2 * PRICE)
    budgets.reserve(asked(1, submitted_at=2.0), 2 * PRICE)
    budgets.release(asked(1, submitted_at=2.0))
    budgets.reserve(asked(2), 2 * PRICE)
    with pytest.raises(InsufficientCredits):
        budgets.reserve(asked(3), 2 * PRICE)


def test_task_that_cost_less_gives_back_the_rest(budgets: Budgets) -> None:
    budgets.reserve(asked(1), PRICE)
    budgets.settle(ended(asked(1), Decimal("0.0001")))
    budgets.reserve(asked(2), PRICE + Decimal("0.0001"))


def test_task_that_failed_costs_nothing(budgets: Budgets) -> None:
    budgets.reserve(asked(1), PRICE)
    budgets.settle(Outcome(job=asked(1)))
    budgets.reserve(asked(2), PRICE)


def test_budget_that_is_used_up_refuses_even_what_is_free(budgets: Budgets) -> None:
    free = Budgets(PriceTable(PriceSettings(default_base=Decimal(0), base={})), 1, lambda: NOVEMBER)
    free.settle(ended(asked(1), PRICE))
    with pytest.raises(InsufficientCredits):
        free.reserve(asked(2), PRICE)


def test_keys_have_budgets_of_their_own(budgets: Budgets) -> None:
    budgets.reserve(asked(1), PRICE)
    budgets.reserve(asked(2, key_id="k2"), PRICE)


def test_key_without_a_budget_is_never_refused(budgets: Budgets) -> None:
    for number in range(1000):
        budgets.reserve(asked(number), None)


def test_picture_that_was_not_seen_counts_at_the_largest_size(budgets: Budgets) -> None:
    unseen = job_of(1, key_id="k1")
    budgets.reserve(unseen, Decimal("0.0106"))
    with pytest.raises(InsufficientCredits):
        budgets.reserve(job_of(2, key_id="k1"), Decimal("0.0106"))


def test_next_month_begins_with_the_whole_budget(budgets: Budgets, clock: FakeClock) -> None:
    budgets.settle(ended(asked(1)))
    clock.now = DECEMBER
    budgets.reserve(asked(2), PRICE)


def test_months_are_those_of_utc() -> None:
    assert [month_of(moment) for moment in (NOVEMBER, DECEMBER)] == ["2026-11", "2026-12"]


async def test_what_was_spent_is_known_after_a_restart(
    database: Database, budgets: Budgets, clock: FakeClock
) -> None:
    await database.write(lambda connection: budgets.record(connection, ended(asked(1))))
    again = Budgets(PriceTable(PriceSettings()), LIMIT_PIXELS, clock)
    await again.open(database, [])
    with pytest.raises(InsufficientCredits):
        again.reserve(asked(2), 2 * PRICE - Decimal("0.000001"))


async def test_tasks_that_an_earlier_run_left_are_set_aside(
    database: Database, budgets: Budgets
) -> None:
    await budgets.open(database, [asked(1)])
    with pytest.raises(InsufficientCredits):
        budgets.reserve(asked(2), PRICE)


async def test_amounts_add_up_on_the_disk(database: Database, budgets: Budgets) -> None:
    for number in range(3):
        outcome = ended(asked(number))
        await database.write(lambda connection, o=outcome: budgets.record(connection, o))
    spent = await database.read(lambda connection: spent_in(connection, month_of(NOVEMBER)))
    assert spent == {"k1": 3 * PRICE}


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("tes"), st.integers(1, 12_000_000)), max_size=40),
    st.integers(1, 20_000),
)
def test_no_order_of_things_overdraws_it(steps: list[tuple[str, int]], micro_usd: int) -> None:
    prices = PriceTable(PriceSettings())
    budgets = Budgets(prices, LIMIT_PIXELS, lambda: NOVEMBER)
    budget, spent, running = Decimal(micro_usd) / 1_000_000, Decimal(0), []
    for number, (step, pixels) in enumerate(steps):
        job = job_of(number, key_id="k1", pixels=pixels)
        if step == "t":
            try:
                budgets.reserve(job, budget)
            except InsufficientCredits:
                continue
            running.append(job)
        elif running:
            done = running.pop(pixels % len(running))
            cost = prices.price(removal(), product_of(done.pixels, 1)) if step == "e" else 0
            budgets.settle(ended(done, Decimal(cost)))
            spent += cost
    assert spent <= budget
