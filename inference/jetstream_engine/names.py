"""What streams, consumers and subjects are called."""

from __future__ import annotations

import zlib
from typing import get_args

from protocol.jobs import Job, JobId, Pool

RESULTS = "RESULTS"
USAGE = "USAGE"
DEAD_LETTERS = "DLQ"
JOBS = "KV_JOBS"
SESSIONS = "KV_SESSIONS"
CLUSTER = "KV_CLUSTER"
ACCOUNTS = "KV_ACCOUNTS"
LEDGER = "ledger"
JANITOR = "janitor"

KINDS: tuple[Pool, ...] = get_args(Pool)
BULK_LANES = 8
LANES = ("i", *(f"b{number}" for number in range(BULK_LANES)))
"""One for a tenant's first tasks, and eight for the rest: who floods waits in one of them."""

CANCEL = "ctl.cancel"
SESSION_TAKEN = "ctl.session"
CALLS = "ctl.calls"


def tasks_stream(pool: str) -> str:
    """Name the work queue of a pool; each has its own, so that its length tells its backlog."""
    return f"TASKS_{pool}"


def consumer(pool: str, kind: Pool, lane: str) -> str:
    """Name the consumer of a lane."""
    return f"w-{pool}-{kind}-{lane}"


def lane_of(job: Job) -> str:
    """Which lane a job waits in."""
    if job.lane == "interactive":
        return LANES[0]
    return LANES[1 + zlib.crc32(job.tenant.encode()) % BULK_LANES]


def task_subject(pool: str, job: Job) -> str:
    """Where a job is published; the quota is one of this subject."""
    return f"{lane_filter(pool, job.pool, lane_of(job))[:-1]}{token(job.tenant)}"


def lane_filter(pool: str, kind: Pool, lane: str) -> str:
    """All tenants of a lane: `task.POOL.KIND.i.0.*`, `task.POOL.KIND.b.3.*`."""
    return f"task.{pool}.{kind}.{lane[0]}.{lane[1:] or 0}.*"


def job_key(job_id: JobId, what: str) -> str:
    """Where something is kept about a job: `job`, `end` or `tries`."""
    tenant, task_uuid = job_id
    return f"$KV.JOBS.{token(tenant)}.{task_uuid}.{what}"


def ended_subject(job_id: JobId) -> str:
    """Where the end of a job is told as it happens."""
    return "live.job" + job_key(job_id, "end").removeprefix("$KV.JOBS")


def result_subject(stream: str) -> str:
    """Where the results of a stream are kept."""
    return f"res.{stream}"


def live_subject(stream: str) -> str:
    """Where the results of a stream are told as they come."""
    return f"live.{stream}"


def usage_subject(tenant: str) -> str:
    """Where what a tenant is charged, or owed, is kept until the ledger has it."""
    return f"usage.{token(tenant)}"


def session_key(session_id: str) -> str:
    """Where a session is kept."""
    return f"$KV.SESSIONS.{session_id}"


def account_key(name: str) -> str:
    """Where an amount is kept that gateways share."""
    return f"$KV.ACCOUNTS.{name}"


def message_id(job: Job, what: str = "") -> str:
    """Name a message for the broker, which takes it once; a UUID used again names another one."""
    tenant, task_uuid = job.id
    suffix = f":{what}:{job.submitted_at!r}" if what else ""
    return f"{token(tenant)}:{task_uuid}{suffix}"


def token(tenant: str) -> str:
    """Write a tenant as one token of a subject."""
    return tenant.replace(".", "=")


def tenant_of(written: str) -> str:
    """Read a tenant from a token of a subject."""
    return written.replace("=", ".")
