"""Budgets that gateways share: never overdrawn, and what one does not use is there for the next."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from fakes import FakeClock, job_of, product_of

from protocol.errors import InsufficientCredits, StorageUnavailable
from protocol.jobs import Job, Outcome
from server.budgets import Budgets
from server.pricing import PriceSettings, PriceTable
from server.shared_budgets import REFUSED_S, UNUSED_S, SharedBudgets

NOVEMBER, DECEMBER = 1_795_000_000.0, 1_797_000_000.0
PRICE = Decimal("0.0008")
"""Of a plain cut-out of 1 MP."""


class Bank:
    """What the broker keeps, and how often it was asked."""

    def __init__(self) -> None:
        self.gone: dict[str, int] = {}
        self.shares: dict[tuple[str, int], int] = {}
        self.writes = 0
        self.is_away = False

    def taken(self, name: str, but: int = -1) -> int:
        """What is taken of an account, without one process's share."""
        shares = sum(s for (n, who), s in self.shares.items() if n == name and who != but)
        return shares + self.gone.get(name, 0)


class Accounts:
    """One process's way to the bank, as `inference.jetstream_engine.accounts` has it."""

    def __init__(self, bank: Bank, process: int) -> None:
        self._bank, self._process = bank, process

    async def set_share(self, name: str, wanted: Callable[[int], int]) -> int:
        await self._travel()
        share = wanted(self._bank.taken(name, self._process))
        self._bank.shares[name, self._process] = share
        return share

    async def close_share(self, name: str, spent: int) -> None:
        await self._travel()
        del self._bank.shares[name, self._process]
        self._bank.gone[name] = self._bank.gone.get(name, 0) + spent

    async def take_at_least(self, name: str, amount: int) -> None:
        await self._travel()
        missing = max(0, amount - self._bank.taken(name))
        self._bank.gone[name] = self._bank.gone.get(name, 0) + missing

    async def _travel(self) -> None:
        await asyncio.sleep(0)
        if self._bank.is_away:
            raise StorageUnavailable("The broker does not answer.")
        self._bank.writes += 1


class Gateway:
    """What of a gateway deals with budgets."""

    def __init__(self, bank: Bank, process: int, clock: FakeClock) -> None:
        self.budgets = Budgets(PriceTable(PriceSettings()), 50_000_000, clock)
        self.shared = SharedBudgets(Accounts(bank, process), self.budgets, clock)  # type: ignore[arg-type]

    async def take(self, job: Job, budget: Decimal) -> None:
        self.budgets.reserve(job, await self.shared.share(job, budget))

    async def sweep(self) -> None:
        """Let it look once for what is not used."""
        running = asyncio.create_task(self.shared.run())
        await asyncio.sleep(0.01)
        running.cancel()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOVEMBER)


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
def gateways(bank: Bank, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> list[Gateway]:
    monkeypatch.setattr("server.shared_budgets.SWEEP_S", 0)
    return [Gateway(bank, process, clock) for process in range(3)]


def asked(number: int = 1, **fields: Any) -> Job:
    return job_of(number, key_id="k1", pixels=1_000_000, **fields)


def ended(job: Job, cost: Decimal = PRICE) -> Outcome:
    return Outcome(job=job, product=product_of(), cost=cost)


async def test_budget_is_one_for_all_gateways(gateways: list[Gateway]) -> None:
    for number, gateway in enumerate(gateways):
        await gateway.take(asked(number), 3 * PRICE)
    for gateway in gateways:
        with pytest.raises(InsufficientCredits):
            await gateway.take(asked(9), 3 * PRICE)


async def test_refusal_names_the_budget_and_all_that_is_gone(gateways: list[Gateway]) -> None:
    await gateways[0].take(asked(1), PRICE)
    with pytest.raises(InsufficientCredits, match=r"spend 0\.0008 USD a month; 0\.0008\d* USD are"):
        await gateways[1].take(asked(2), PRICE)


async def test_task_that_cost_less_leaves_the_rest(gateways: list[Gateway]) -> None:
    here = gateways[0]
    await here.take(asked(1), PRICE)
    here.shared.settle(ended(asked(1), Decimal("0.0001")))
    await here.take(asked(2), PRICE + Decimal("0.0001"))


async def test_outcome_of_a_task_that_came_in_elsewhere_counts_there_alone(
    gateways: list[Gateway],
) -> None:
    here, there, _ = gateways
    await here.take(asked(1), 2 * PRICE)
    there.shared.settle(ended(asked(1)))
    await there.take(asked(2), 2 * PRICE)


async def test_large_budget_asks_the_broker_now_and_then(
    gateways: list[Gateway], bank: Bank
) -> None:
    for number in range(500):
        await gateways[0].take(asked(number), 1000 * PRICE)
    assert bank.writes < 60


async def test_what_is_not_used_is_there_for_the_others(
    gateways: list[Gateway], clock: FakeClock
) -> None:
    here, there, _ = gateways
    await here.take(asked(1), 100 * PRICE)
    for number in range(98):
        await there.take(asked(number), 100 * PRICE)
    with pytest.raises(InsufficientCredits):
        await there.take(asked(98), 100 * PRICE)
    clock.advance(UNUSED_S)
    await here.sweep()
    await there.take(asked(98), 100 * PRICE)


async def test_task_in_work_is_not_given_back(gateways: list[Gateway], clock: FakeClock) -> None:
    await gateways[0].take(asked(1), PRICE)
    clock.advance(UNUSED_S)
    await gateways[0].sweep()
    with pytest.raises(InsufficientCredits):
        await gateways[1].take(asked(2), PRICE)


async def test_gateway_that_stops_leaves_what_it_did_not_spend(
    gateways: list[Gateway], bank: Bank
) -> None:
    await gateways[0].take(asked(1), 1000 * PRICE)
    await gateways[0].shared.close()
    assert bank.taken("budget.k1.2026-11") == 800


async def test_gateway_that_dies_takes_a_hundredth_with_it(
    gateways: list[Gateway], bank: Bank
) -> None:
    await gateways[0].take(asked(1), 1000 * PRICE)
    assert bank.taken("budget.k1.2026-11") == 800 + 8000


async def test_refused_key_costs_the_broker_little(
    gateways: list[Gateway], bank: Bank, clock: FakeClock
) -> None:
    await gateways[0].take(asked(1), PRICE)
    before = bank.writes
    for number in range(100):
        with pytest.raises(InsufficientCredits):
            await gateways[1].take(asked(number), PRICE)
    assert bank.writes - before == 1
    clock.advance(REFUSED_S)
    with pytest.raises(InsufficientCredits):
        await gateways[1].take(asked(101), PRICE)
    assert bank.writes - before == 2


async def test_next_month_begins_with_the_whole_budget(
    gateways: list[Gateway], clock: FakeClock
) -> None:
    await gateways[0].take(asked(1), PRICE)
    gateways[0].shared.settle(ended(asked(1)))
    clock.now = DECEMBER
    await gateways[1].take(asked(2), PRICE)


async def test_what_a_ledger_knows_to_be_spent_counts(gateways: list[Gateway]) -> None:
    await gateways[0].shared.recall({"k1": PRICE})
    with pytest.raises(InsufficientCredits):
        await gateways[1].take(asked(2), 2 * PRICE - Decimal("0.000001"))


async def test_task_is_refused_while_nobody_knows_what_is_left(
    gateways: list[Gateway], bank: Bank
) -> None:
    bank.is_away = True
    with pytest.raises(StorageUnavailable):
        await gateways[0].take(asked(1), PRICE)


async def test_share_that_was_taken_lasts_while_the_broker_is_away(
    gateways: list[Gateway], bank: Bank
) -> None:
    await gateways[0].take(asked(1), 1000 * PRICE)
    bank.is_away = True
    for number in range(2, 10):
        await gateways[0].take(asked(number), 1000 * PRICE)


@pytest.mark.parametrize("seed", range(5))
async def test_no_order_of_things_overdraws_it(
    gateways: list[Gateway], clock: FakeClock, seed: int
) -> None:
    dice = random.Random(seed)
    budget = 40 * PRICE
    spent, working = Decimal(0), dict[int, tuple[Gateway, Job]]()

    async def send(number: int) -> None:
        gateway, job = dice.choice(gateways), asked(number)
        try:
            await gateway.take(job, budget)
        except InsufficientCredits:
            return
        working[number] = gateway, job

    for number in range(0, 300, 6):
        await asyncio.gather(*(send(number + place) for place in range(6)))
        assert spent + len(working) * PRICE <= budget
        for place in [place for place in working if dice.random() < 0.5]:
            gateway, job = working.pop(place)
            cost = dice.choice((Decimal(0), PRICE / 2, PRICE))
            gateway.shared.settle(ended(job, cost))
            spent += cost
        if dice.random() < 0.2:
            clock.advance(UNUSED_S)
            await dice.choice(gateways).sweep()
    assert spent + len(working) * PRICE <= budget
    assert spent > budget / 2
