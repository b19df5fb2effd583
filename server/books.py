"""The ledger and the outbox of a whole cluster: kept by one gateway, in its data directory."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

from inference import ledger
from inference.database import Database
from protocol.jobs import Outcome
from server.budgets import Budgets, spent_in
from server.deliveries import Outbox
from server.deliveries.outbox import Ending, Entry

SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger_identity (id TEXT NOT NULL) STRICT;
"""


class Books:
    """Writes down what workers report: charges, and what is to be handed over."""

    def __init__(
        self,
        database: Database,
        spending: Budgets,
        outbox: Outbox,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self.spending = spending
        self._outbox = outbox
        self._clock = clock

    async def record(self, outcomes: Sequence[Outcome]) -> None:
        """Write outcomes down, each once however often it comes; durable on return."""
        now = self._clock()

        def change(connection: sqlite3.Connection) -> None:
            for outcome in outcomes:
                if ledger.charge(connection, outcome, now):
                    self.spending.record(connection, outcome)
                self._outbox.record(connection, outcome)

        await self._database.write(change)

    async def identity(self) -> str:
        """Name this ledger, for good: a restart finds it again, another directory has its own."""

        def change(connection: sqlite3.Connection) -> str:
            row = connection.execute("SELECT id FROM ledger_identity").fetchone()
            if row is None:
                row = (uuid.uuid4().hex,)
                connection.execute("INSERT INTO ledger_identity VALUES (?)", row)
            return str(row[0])

        return await self._database.write(change)

    def watch_deliveries(self, told: Callable[[Entry, Ending], Awaitable[None]]) -> None:
        """Have it told how each webhook and upload ended."""
        self._outbox.watch(told)

    async def spent(self) -> dict[str, Decimal]:
        """Tell what this ledger says that each key has spent this month, in USD."""
        month = self.spending.month
        return await self._database.read(lambda connection: spent_in(connection, month))
