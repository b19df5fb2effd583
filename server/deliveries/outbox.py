"""Which deliveries are owed? A table, written together with the outcome of each task."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET

from inference.database import Database
from protocol.jobs import Job, Outcome
from protocol.tasks import PictureTask

Kind = Literal["webhook", "upload"]
Ending = Literal["delivered", "given_up"]
State = Ending | Literal["pending"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    tenant TEXT NOT NULL,
    task_uuid TEXT NOT NULL,
    host TEXT NOT NULL,
    outcome BLOB,
    tries INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    ended_at REAL
);
CREATE INDEX IF NOT EXISTS deliveries_pending ON deliveries (due_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_ended ON deliveries (ended_at) WHERE ended_at IS NOT NULL;
"""
_PUT = """
INSERT INTO deliveries (id, kind, tenant, task_uuid, host, outcome, due_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
_PENDING = """
SELECT id, kind, tenant, task_uuid, host, tries, due_at
FROM deliveries WHERE state = 'pending' ORDER BY due_at
"""
_SWEEP = """
DELETE FROM deliveries WHERE id IN (
    SELECT id FROM deliveries WHERE ended_at < ? ORDER BY ended_at LIMIT ?)
"""
_SWEPT_AT_ONCE = 500

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Outcome)


@dataclass(frozen=True, slots=True)
class Entry:
    """One delivery that is owed, without what is to be delivered; `due_at` is on the wall clock."""

    id: str
    kind: Kind
    tenant: str
    task_uuid: str
    host: str
    tries: int
    due_at: float


class Outbox:
    """The deliveries of one service; every change is on the disk on return."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._tell: Callable[[Entry], object] | None = None
        self._tell_ended: Callable[[Entry, Ending], Awaitable[None]] | None = None

    def listen(self, told: Callable[[Entry], None]) -> None:
        """Have new deliveries told on this event loop; they may not be on the disk yet."""
        loop = asyncio.get_running_loop()
        self._tell = lambda entry: loop.call_soon_threadsafe(told, entry)

    def watch(self, told: Callable[[Entry, Ending], Awaitable[None]]) -> None:
        """Have it told how each delivery ended, once that is on the disk."""
        self._tell_ended = told

    def record(self, connection: sqlite3.Connection, outcome: Outcome) -> None:
        """Owe what an outcome is to be delivered as, in the change that records the outcome.

        The same job owes each delivery once, however often it is recorded.
        """
        for entry in _owed(outcome, self._clock()):
            values = (entry.id, entry.kind, entry.tenant, entry.task_uuid, entry.host)
            row = (*values, _ENCODER.encode(outcome), entry.due_at)
            is_new = connection.execute(_PUT, row).rowcount == 1
            if is_new and self._tell is not None:
                self._tell(entry)

    async def pending(self) -> list[Entry]:
        """Return all that is owed, the longest due first."""

        def query(connection: sqlite3.Connection) -> list[Entry]:
            return [Entry(*row) for row in connection.execute(_PENDING)]

        return await self._database.read(query)

    async def outcome(self, entry: Entry) -> Outcome | None:
        """Return what is to be delivered, or None where nothing is owed after all.

        Read as a change is written: after the one that this delivery was recorded in.
        """
        text = "SELECT outcome FROM deliveries WHERE id = ? AND state = 'pending'"
        row = await self._database.write(lambda c: c.execute(text, (entry.id,)).fetchone())
        return None if row is None else _DECODER.decode(row[0])

    async def state(self, kind: Kind, outcome: Outcome) -> State | None:
        """Tell how far a delivery has come; None where none was owed, or that was long ago."""
        text = "SELECT state FROM deliveries WHERE id = ?"
        values = (_id(kind, outcome.job),)
        row = await self._database.read(lambda c: c.execute(text, values).fetchone())
        return None if row is None else row[0]

    async def postpone(self, entry: Entry) -> None:
        """Record a try that failed, and when the next one is due."""
        text = "UPDATE deliveries SET tries = ?, due_at = ? WHERE id = ?"
        values = (entry.tries, entry.due_at, entry.id)
        await self._database.write(lambda c: c.execute(text, values).rowcount)

    async def end(self, entry: Entry, how: Ending) -> None:
        """Record that a delivery was made, or that it never will be."""
        text = (
            "UPDATE deliveries SET state = ?, tries = ?, ended_at = ?, outcome = NULL WHERE id = ?"
        )
        values = (how, entry.tries, self._clock(), entry.id)
        await self._database.write(lambda c: c.execute(text, values).rowcount)
        if self._tell_ended is not None:
            await self._tell_ended(entry, how)

    async def sweep(self, keep_s: float) -> int:
        """Forget some deliveries that ended longer ago; tell how many."""
        values = (self._clock() - keep_s, _SWEPT_AT_ONCE)
        return await self._database.write(lambda c: c.execute(_SWEEP, values).rowcount)


def _id(kind: Kind, job: Job) -> str:
    """Name a delivery; a taskUUID that is used again one day names another one."""
    return f"{kind} {job.tenant} {job.task.task_uuid.lower()} {job.submitted_at!r}"


def _owed(outcome: Outcome, now: float) -> Sequence[Entry]:
    job, task = outcome.job, outcome.job.task
    if not isinstance(task, PictureTask):
        return []
    wanted: list[tuple[Kind, str]] = []
    if task.webhook_url is not UNSET:
        wanted.append(("webhook", task.webhook_url))
    if task.upload_endpoint is not UNSET and outcome.product is not None:
        wanted.append(("upload", task.upload_endpoint))
    return [
        Entry(
            id=_id(kind, job),
            kind=kind,
            tenant=job.tenant,
            task_uuid=task.task_uuid,
            host=urlsplit(url).hostname or "",
            tries=0,
            due_at=now,
        )
        for kind, url in wanted
    ]
