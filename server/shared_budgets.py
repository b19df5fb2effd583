"""Which part of a key's budget may this gateway spend, where there are many?

A gateway takes a hundredth of a budget at a time, and gives back what it does not use. So a budget
is never overdrawn, a task waits for the broker now and then only, and what is left is soon where it
is asked for. A gateway that is killed takes what it had left of its hundredth with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from inference.jetstream_engine.accounts import Accounts
from protocol.errors import InsufficientCredits, StorageUnavailable
from protocol.jobs import Job, JobId, Outcome
from server.budgets import NOTHING, Budgets
from server.pricing import MICRO_DOLLAR

PARTS: Final = 100
UNUSED_S: Final = 2.0
"""After so long without a task of the key, what is not spent is given back."""
SWEEP_S: Final = 1.0
REFUSED_S: Final = 0.5
"""For so long it is believed that the others have the rest."""
CLOSE_S: Final = 5.0


@dataclass(slots=True)
class _Purse:
    """This gateway's share of a key's budget in one month, in micro-dollars."""

    key_id: str
    month: str
    share: int = 0
    used_at: float = 0.0
    others: int = 0
    """What the others had taken when a task was last refused for it …"""
    refused_at: float = float("-inf")
    """… which was then."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def account(self) -> str:
        """Where all gateways find it."""
        return f"budget.{self.key_id}.{self.month}"


class SharedBudgets:
    """Takes shares of budgets as they are needed. `Budgets` counts what is spent here."""

    def __init__(
        self, accounts: Accounts, budgets: Budgets, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._accounts = accounts
        self._budgets = budgets
        self._clock = clock
        self._purses: dict[str, _Purse] = {}

    async def share(self, job: Job, budget: Decimal) -> Decimal:
        """Tell what this gateway may spend of a budget, which is enough for the task.

        Raises:
            InsufficientCredits: the rest of the month's budget does not cover it.
            StorageUnavailable: more is needed, and the broker does not answer.
        """
        purse = self._purse_of(job.key_id)
        purse.used_at = self._clock()
        if self._lacks(purse, job):
            async with purse.lock:
                while self._lacks(purse, job):  # else another task has brought enough
                    purse.share = await self._take(purse, job, budget)
        return min(budget, purse.share * MICRO_DOLLAR)

    def unsettled(self) -> list[JobId]:
        """List the tasks that something is set aside for."""
        return self._budgets.in_work()

    def settle(self, outcome: Outcome) -> None:
        """Count what a task cost, if it came in here."""
        if self._budgets.holds(outcome.job):
            self._budgets.settle(outcome)

    async def recall(self, spent: Mapping[str, Decimal]) -> None:
        """Take up what a ledger says that keys have spent this month."""
        for key_id, amount in spent.items():
            name = _Purse(key_id, self._budgets.month).account
            await self._accounts.take_at_least(name, _micro(amount))

    async def run(self) -> None:
        """Give back what is not used, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            for purse in list(self._purses.values()):
                if self._clock() - purse.used_at >= UNUSED_S:
                    with contextlib.suppress(StorageUnavailable):
                        await self._give_back(purse)

    async def close(self) -> None:
        """Leave to the others what was not spent; tasks still in work count as spent."""
        with contextlib.suppress(StorageUnavailable, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                for purse in self._purses.values():
                    if purse.month == self._budgets.month:
                        spent = _micro(self._budgets.gone(purse.key_id))
                        await self._accounts.close_share(purse.account, spent)

    def _purse_of(self, key_id: str) -> _Purse:
        purse, month = self._purses.get(key_id), self._budgets.month
        if purse is None or purse.month != month:
            purse = self._purses[key_id] = _Purse(key_id, month)
        return purse

    def _lacks(self, purse: _Purse, job: Job) -> bool:
        return _micro(self._budgets.needed(job)) > purse.share

    async def _take(self, purse: _Purse, job: Job, budget: Decimal) -> int:
        def wanted(others: int) -> int:
            purse.others, rest = others, _micro(budget) - others
            gone, needed = self._budgets.gone(job.key_id), self._budgets.needed(job)
            if _micro(needed) > rest:
                raise self._budgets.overdrawn(job, budget, others * MICRO_DOLLAR + gone)
            # What no task fits into would only be held back from the others.
            ahead = budget / PARTS if budget / PARTS >= needed - gone else NOTHING
            return max(purse.share, min(rest, _micro(needed + ahead)))

        if self._clock() - purse.refused_at < REFUSED_S:
            wanted(purse.others)
        try:
            return await self._accounts.set_share(purse.account, wanted)
        except InsufficientCredits:
            purse.refused_at = self._clock()
            raise

    async def _give_back(self, purse: _Purse) -> None:
        async with purse.lock:
            kept = _micro(self._budgets.gone(purse.key_id))
            if purse.month != self._budgets.month:
                if self._purses.get(purse.key_id) is purse:
                    del self._purses[purse.key_id]
            elif kept < purse.share:
                purse.share = kept  # before the others may have it
                await self._accounts.set_share(purse.account, lambda _: kept)


def _micro(amount: Decimal) -> int:
    return int(amount / MICRO_DOLLAR)
