"""The embedded engine on a journal of its own, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fakes import FakeClock, RecordedSettlement

from inference import journal, ledger
from inference.database import Change, Database, T
from inference.engine import Settles
from inference.journal import Journal, JournalSettings, Record
from inference.local_engine import LocalEngine, LocalEngineSettings
from protocol.errors import StorageUnavailable


class FailingDatabase(Database):
    """A database whose disk can be full."""

    is_full = False

    async def write(self, change: Change[T], *, is_synced: bool = True) -> T:
        if self.is_full:
            raise StorageUnavailable("The disk is full.")
        return await super().write(change, is_synced=is_synced)


@asynccontextmanager
async def open_database(folder: Path) -> AsyncIterator[FailingDatabase]:
    """A database with all tables of the journal."""
    database = FailingDatabase(folder / "test.sqlite")
    async with database.opened(journal.SCHEMA, ledger.SCHEMA):
        yield database


def engine_on(
    database: Database,
    *,
    clock: Callable[[], float] | None = None,
    settlement: Settles | None = None,
    records: Sequence[Record] = (),
    **limits: Any,
) -> LocalEngine:
    """An engine that is not open yet; limits of the engine and of its journal by their names."""
    clock = clock or FakeClock()
    kept = {name: limits.pop(name) for name in JournalSettings.__struct_fields__ if name in limits}
    return LocalEngine(
        LocalEngineSettings(**limits),
        Journal(database, JournalSettings(**kept), records=records, clock=clock),
        settlement or RecordedSettlement(),
        clock,
    )
