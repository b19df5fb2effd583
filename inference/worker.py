"""The pull loop of a worker: take jobs as fast as they can be run, settle each one once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Protocol

from inference.engine import Engine, Lease
from inference.turns import Turns
from protocol.jobs import Job, Outcome, Pool

_log = logging.getLogger(__name__)


KEPT_FREE = 1
"""Slots that jobs with fetched pictures leave to the others."""

Turn = AbstractAsyncContextManager[None]
"""Held while a job uses the machine, not while it waits for somebody else's server."""


class RunsJobs(Protocol):
    """Turns a job into its outcome."""

    async def run(self, job: Job, turn: Turn) -> Outcome:
        """Do the job, holding `turn` for all but fetching; never raise for what the job does."""


class Worker:
    """Computes up to `concurrency` jobs at once, and fetches the pictures of up to `fetches` more.

    A job whose picture must be fetched takes its turn among the others when the picture is there:
    slow servers of others do not hold up this machine.
    """

    def __init__(
        self,
        engine: Engine,
        runner: RunsJobs,
        *,
        concurrency: int,
        fetches: int = 40,
    ) -> None:
        self._engine = engine
        self._runner = runner
        self._slots = asyncio.Semaphore(concurrency)
        self._fetches = asyncio.Semaphore(fetches)
        # Many whose pictures are there leave slots to those that need not wait for a picture.
        self._fetched = Turns(max(1, concurrency - KEPT_FREE))

    async def run(self) -> None:
        """Serve until the engine closes and nothing is left in hand."""
        async with asyncio.TaskGroup() as jobs:
            jobs.create_task(self._pull("compute", self._slots))
            jobs.create_task(self._pull("fetch", self._fetches))

    async def _pull(self, pool: Pool, room: asyncio.Semaphore) -> None:
        async with asyncio.TaskGroup() as jobs:
            # One job is taken ahead: a slot that waited here for a job would be lost to the others.
            async for lease in self._engine.work(pool):
                await room.acquire()
                turn = nullcontext() if pool == "compute" else self._turn_of(lease.job.tenant)
                jobs.create_task(self._serve(lease, room, turn))

    @asynccontextmanager
    async def _turn_of(self, tenant: str) -> AsyncIterator[None]:
        async with self._fetched.hold(tenant), self._slots:
            yield

    async def _serve(self, lease: Lease, room: asyncio.Semaphore, turn: Turn) -> None:
        try:
            await lease.begin()
            outcome = await self._runner.run(lease.job, turn)
            await lease.done(outcome)
        except asyncio.CancelledError:
            _log.warning("job interrupted", extra={"task_uuid": lease.job.task.task_uuid})
            raise
        finally:
            room.release()
