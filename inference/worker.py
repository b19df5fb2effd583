"""The pull loop of a worker: take jobs as fast as they can be run, settle each one once."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from inference.engine import Engine, Lease
from protocol.jobs import Job, Outcome, Pool

_log = logging.getLogger(__name__)


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
        fetches: int = 32,
    ) -> None:
        self._engine = engine
        self._runner = runner
        self._slots = asyncio.Semaphore(concurrency)
        self._fetches = asyncio.Semaphore(fetches)

    async def run(self) -> None:
        """Serve until the engine closes and nothing is left in hand."""
        async with asyncio.TaskGroup() as jobs:
            jobs.create_task(self._pull("compute", self._slots, nullcontext()))
            jobs.create_task(self._pull("fetch", self._fetches, self._slots))

    async def _pull(self, pool: Pool, room: asyncio.Semaphore, turn: Turn) -> None:
        async with asyncio.TaskGroup() as jobs:
            # One job is taken ahead: a slot that waited here for a job would be lost to the others.
            async for lease in self._engine.work(pool):
                await room.acquire()
                jobs.create_task(self._serve(lease, room, turn))

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
