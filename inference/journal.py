"""What is owed to clients, on the disk: jobs that were taken, and how they ended."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence

import msgspec

from inference import ledger
from inference.database import Database
from inference.engine import JobState
from inference.quantities import Count, Seconds
from protocol.jobs import Job, JobId, Outcome

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    task_uuid TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    job BLOB NOT NULL,
    UNIQUE (tenant, task_uuid)
) STRICT;
CREATE TABLE IF NOT EXISTS outcomes (
    number INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    task_uuid TEXT NOT NULL,
    finished_at REAL NOT NULL,
    outcome BLOB NOT NULL,
    UNIQUE (tenant, task_uuid)
) STRICT;
"""
# Outcomes are numbered as they come and forgotten from the oldest end: what the settings allow is
# what lies above a number and after a time. Pages that become free are used again, so the files
# grow to what they once held at most; nothing is ever vacuumed.

_IS_KNOWN = "finished_at >= :after AND number > (SELECT max(number) FROM outcomes) - :at_most"
_ACCEPT = f"""
INSERT INTO jobs (tenant, task_uuid, job)
SELECT :tenant, :task_uuid, :job WHERE NOT EXISTS (
    SELECT 1 FROM outcomes WHERE tenant = :tenant AND task_uuid = :task_uuid AND {_IS_KNOWN})
ON CONFLICT DO NOTHING
"""  # noqa: S608 - made of our own words
_COUNT_TRY = "UPDATE jobs SET tries = max(0, tries + ?) WHERE tenant = ? AND task_uuid = ?"
_END = "DELETE FROM jobs WHERE tenant = ? AND task_uuid = ?"
_KEEP = """
INSERT OR REPLACE INTO outcomes (tenant, task_uuid, finished_at, outcome) VALUES (?, ?, ?, ?)
"""
_FIND = f"""
SELECT outcome FROM outcomes WHERE tenant = :tenant AND task_uuid = :task_uuid AND {_IS_KNOWN}
"""  # noqa: S608 - made of our own words
_UNFINISHED = "SELECT job, tries FROM jobs ORDER BY number"
_FORGET = f"""
DELETE FROM outcomes
WHERE number IN (SELECT number FROM outcomes ORDER BY number LIMIT :batch) AND NOT ({_IS_KNOWN})
"""  # noqa: S608 - made of our own words

BATCH = 500
"""Rows removed in one change, so that tasks need not wait for a great clean-up."""

_ENCODER = msgspec.msgpack.Encoder()
_JOB = msgspec.msgpack.Decoder(Job)
_OUTCOME = msgspec.msgpack.Decoder(Outcome)

Record = Callable[[sqlite3.Connection, Outcome], None]
"""Writes what else must be on the disk exactly when the outcome is."""


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the journal remembers."""

    result_life_s: Seconds = 24 * 3600.0
    """How long getResponse knows a finished task, and its taskUUID cannot be used again."""
    max_finished: Count = 200_000
    """Finished tasks that getResponse knows; the oldest are forgotten first."""
    ledger_life_s: Seconds = 400 * 24 * 3600.0
    """How long `cutwire usage` knows what a task cost."""


class Journal:
    """The durable side of the embedded engine; what a method did is on the disk on return.

    All of them raise StorageUnavailable where the disk does not work; then nothing has changed.
    """

    def __init__(
        self,
        database: Database,
        settings: JournalSettings,
        *,
        records: Sequence[Record] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._settings = settings
        self._records = records
        self._clock = clock

    async def unfinished(self) -> list[tuple[Job, int]]:
        """Return the jobs that have not ended, in their order, each with its number of tries."""

        def query(connection: sqlite3.Connection) -> list[tuple[Job, int]]:
            return [(_JOB.decode(job), tries) for job, tries in connection.execute(_UNFINISHED)]

        return await self._database.read(query)

    async def accept(self, jobs: Sequence[Job]) -> list[bool]:
        """Write jobs down; say of each whether its id was free."""
        retention = self._retention()

        def change(connection: sqlite3.Connection) -> list[bool]:
            rows = (retention | _id(job.id) | {"job": _ENCODER.encode(job)} for job in jobs)
            return [connection.execute(_ACCEPT, row).rowcount > 0 for row in rows]

        return await self._database.write(change)

    async def begin(self, job_id: JobId) -> None:
        """Count a try, before it is made: to know of it after a power cut is not worth a sync."""
        await self._count(job_id, 1)

    async def excuse(self, job_id: JobId) -> None:
        """Take a try back: the job was stopped, and is not to blame."""
        await self._count(job_id, -1)

    async def settle(self, outcome: Outcome) -> bool:
        """Write down how a job ended and charge for it; False: it had ended already."""
        job, now = outcome.job, self._clock()

        def change(connection: sqlite3.Connection) -> bool:
            if not connection.execute(_END, job.id).rowcount:
                return False
            connection.execute(_KEEP, (*job.id, now, _ENCODER.encode(outcome)))
            ledger.charge(connection, outcome, now)
            for record in self._records:
                record(connection, outcome)
            return True

        return await self._database.write(change)

    async def find(self, job_id: JobId) -> JobState | None:
        """Return a job that has ended, unless that is too long ago."""
        values = self._retention() | _id(job_id)
        row = await self._database.read(lambda c: c.execute(_FIND, values).fetchone())
        if row is None:
            return None
        outcome = _OUTCOME.decode(row[0])
        return JobState(outcome.job, outcome)

    async def purge(self) -> int:
        """Remove what the settings no longer keep; return the number of rows."""
        forget = self._retention() | {"batch": BATCH}
        oldest = self._clock() - self._settings.ledger_life_s

        def change(connection: sqlite3.Connection) -> int:
            forgotten = connection.execute(_FORGET, forget).rowcount
            return forgotten + ledger.purge_charges(connection, oldest, BATCH)

        removed = 0
        while count := await self._database.write(change):
            removed += count
        return removed

    async def _count(self, job_id: JobId, tries: int) -> None:
        def change(connection: sqlite3.Connection) -> None:
            connection.execute(_COUNT_TRY, (tries, *job_id))

        await self._database.write(change, is_synced=False)

    def _retention(self) -> dict[str, object]:
        return {
            "after": self._clock() - self._settings.result_life_s,
            "at_most": self._settings.max_finished,
        }


def _id(job_id: JobId) -> dict[str, object]:
    tenant, task_uuid = job_id
    return {"tenant": tenant, "task_uuid": task_uuid}
