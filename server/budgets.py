"""What may an API key spend in a month? Set aside when a task is taken, settled when it ends."""

from __future__ import annotations

import functools
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal

from inference.database import Database
from protocol.errors import InsufficientCredits
from protocol.jobs import Job, JobId, Outcome
from server.pricing import MICRO_DOLLAR, PriceTable

SCHEMA = """
CREATE TABLE IF NOT EXISTS spending (
    key_id TEXT NOT NULL,
    month TEXT NOT NULL,
    micro_usd INTEGER NOT NULL,
    PRIMARY KEY (key_id, month)
) STRICT;
"""
_SPEND = """
INSERT INTO spending (key_id, month, micro_usd) VALUES (?, ?, ?)
ON CONFLICT (key_id, month) DO UPDATE SET micro_usd = micro_usd + excluded.micro_usd
"""
_SPENT = "SELECT key_id, micro_usd FROM spending WHERE month = ?"

NOTHING = Decimal(0)

_Place = tuple[str, str, float]
"""A taskUUID may be sent twice, and be refused the second time: the time tells the two apart."""


def month_of(now: float) -> str:
    """Name the calendar month, in UTC."""
    return _month_of_hour(now // 3600)


@functools.lru_cache(maxsize=4)
def _month_of_hour(hour: float) -> str:
    return time.strftime("%Y-%m", time.gmtime(hour * 3600))


def spent_in(connection: sqlite3.Connection, month: str) -> dict[str, Decimal]:
    """Read from the disk what each key has spent in a month, in USD."""
    rows = connection.execute(_SPENT, (month,))
    return {key_id: micro_usd * MICRO_DOLLAR for key_id, micro_usd in rows}


class Budgets:
    """What each key has spent, and what its tasks in work may still cost.

    A task is taken only if its highest possible price fits: however many come at once, no budget
    is overdrawn. What was spent lies in the database, written with each outcome.
    """

    def __init__(
        self, prices: PriceTable, limit_pixels: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._prices = prices
        self._limit_pixels = limit_pixels
        self._clock = clock
        self._spent: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._set_aside: dict[_Place, Decimal] = {}
        self._held: defaultdict[str, Decimal] = defaultdict(Decimal)

    async def open(self, database: Database, unfinished: Iterable[Job]) -> None:
        """Take up what was spent, and the tasks that an earlier run left."""
        month = self.month
        spent = await database.read(lambda connection: spent_in(connection, month))
        for key_id, cost in spent.items():
            self._spent[key_id, month] = cost
        for job in unfinished:
            self._hold(job, self._most(job))

    @property
    def month(self) -> str:
        """The month that is spent in."""
        return _month_of_hour(self._clock() // 3600)

    def gone(self, key_id: str) -> Decimal:
        """Tell what a key has spent this month, and what is set aside for its tasks in work."""
        return self._spent.get((key_id, self.month), NOTHING) + self._held.get(key_id, NOTHING)

    def needed(self, job: Job) -> Decimal:
        """Tell how large a budget must be for a task to be taken; what is free needs some too."""
        return self.gone(job.key_id) + max(self._most(job), MICRO_DOLLAR)

    def reserve(self, job: Job, budget: Decimal | None) -> None:
        """Set aside what a task may cost at most.

        Raises:
            InsufficientCredits: the rest of the month's budget does not cover it.
        """
        if budget is None:
            return
        if self.needed(job) > budget:
            raise self.overdrawn(job, budget, self.gone(job.key_id))
        self._hold(job, self._most(job))

    def overdrawn(self, job: Job, budget: Decimal, gone: Decimal) -> InsufficientCredits:
        """Say why a task does not fit into a budget of which so much is gone."""
        return InsufficientCredits(
            f"This API key may spend {budget} USD a month; {gone} USD are spent or set aside "
            f"for its tasks in work, and this task may cost up to {self._most(job)} USD."
        )

    def release(self, job: Job) -> None:
        """Give back what was set aside: the task was not taken, or has ended."""
        most = self._set_aside.pop(_place_of(job), None)
        if most is not None:
            self._held[job.key_id] -= most
            if not self._held[job.key_id]:
                del self._held[job.key_id]

    def holds(self, job: Job) -> bool:
        """Whether something is set aside for a task."""
        return _place_of(job) in self._set_aside

    def in_work(self) -> list[JobId]:
        """List the tasks that something is set aside for, the oldest first."""
        return [(tenant, task_uuid) for tenant, task_uuid, _ in self._set_aside]

    def settle(self, outcome: Outcome) -> None:
        """Count what a task cost in the place of what was set aside for it."""
        if self._set_aside:
            self.release(outcome.job)
        self._spent[outcome.job.key_id, self.month] += outcome.cost

    def record(self, connection: sqlite3.Connection, outcome: Outcome) -> None:
        """Write down what a task cost, in the change that writes down its outcome."""
        if outcome.cost and outcome.job.key_id:
            micro_usd = int(outcome.cost / MICRO_DOLLAR)
            row = (outcome.job.key_id, self.month, micro_usd)
            connection.execute(_SPEND, row)

    def _hold(self, job: Job, most: Decimal) -> None:
        self._set_aside[_place_of(job)] = most
        self._held[job.key_id] += most

    def _most(self, job: Job) -> Decimal:
        return self._prices.highest(job.task, job.pixels, self._limit_pixels)


def _place_of(job: Job) -> _Place:
    return (*job.id, job.submitted_at)
