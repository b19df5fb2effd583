"""What every finished task cost: one row for each, written with its outcome and kept for long."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from decimal import Decimal

from protocol.jobs import Outcome

SCHEMA = """
CREATE TABLE IF NOT EXISTS charges (
    number INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    task_uuid TEXT NOT NULL,
    submitted_at REAL NOT NULL,
    task_type TEXT NOT NULL,
    model TEXT NOT NULL,
    cost TEXT NOT NULL,
    megapixels REAL NOT NULL,
    finished_at REAL NOT NULL,
    UNIQUE (tenant, task_uuid, submitted_at)
) STRICT;
"""
# A taskUUID may be used again once its outcome is forgotten: submitted_at tells the two apart.

_CHARGE = """
INSERT INTO charges
    (tenant, task_uuid, submitted_at, task_type, model, cost, megapixels, finished_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
_BY_TASK = "SELECT task_uuid, count(*) FROM charges WHERE ? IN ('', tenant) GROUP BY task_uuid"
_BY_DAY = """
SELECT date(finished_at, 'unixepoch') AS day, tenant, cost, count(*), sum(megapixels)
FROM charges WHERE ? IN ('', tenant) AND finished_at >= ?
GROUP BY day, tenant, cost ORDER BY day, tenant
"""
_PURGE = """
DELETE FROM charges
WHERE number IN (SELECT number FROM charges ORDER BY number LIMIT ?) AND finished_at < ?
"""


@dataclass(slots=True)
class Usage:
    """What one tenant used on one day (UTC)."""

    day: str
    tenant: str
    tasks: int = 0
    megapixels: float = 0.0
    cost: Decimal = Decimal(0)


def charge(connection: sqlite3.Connection, outcome: Outcome, now: float) -> bool:
    """Write the row of a task that succeeded; False: it has one, or failed and costs nothing."""
    job, product = outcome.job, outcome.product
    if product is None:
        return False
    row = (
        job.tenant,
        job.task.task_uuid,
        job.submitted_at,
        job.task.task_type,
        job.model,
        str(outcome.cost),
        product.megapixels,
        now,
    )
    return connection.execute(_CHARGE, row).rowcount == 1


def charges_by_task(connection: sqlite3.Connection, tenant: str = "") -> dict[str, int]:
    """Count how often each task was charged; without a tenant, those of all."""
    return dict(connection.execute(_BY_TASK, (tenant,)))


def usage_by_day(connection: sqlite3.Connection, tenant: str, since: float) -> list[Usage]:
    """Sum up what each tenant used on each day, the oldest day first."""
    days: dict[tuple[str, str], Usage] = {}
    for day, name, cost, count, megapixels in connection.execute(_BY_DAY, (tenant, since)):
        usage = days.setdefault((day, name), Usage(day, name))
        usage.tasks += count
        usage.megapixels += megapixels
        usage.cost += Decimal(cost) * count  # exact, as SQLite's sums are not
    return list(days.values())


def purge_charges(connection: sqlite3.Connection, before: float, at_most: int) -> int:
    """Remove old rows; return how many."""
    return connection.execute(_PURGE, (at_most, before)).rowcount
