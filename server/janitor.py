"""What has outlived its time is removed: sessions, inputs, results, uploads, old journal rows."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from inference.journal import Journal
from inference.keys import INPUTS, RESULTS, UPLOADS
from inference.stores import Store
from protocol.errors import StorageUnavailable
from server.dispatcher import Dispatcher
from server.limits import LifeSettings
from server.session_registry import SessionRegistry

SESSION_SWEEP_S = 5.0
INPUT_LIFE_S = 24 * 3600.0
"""Inputs end with their task; what a crash left is swept after this."""

LATE = 0.01
"""So much of its life a picture may lie longer: a bucket of millions is long to list, and costs."""

_log = logging.getLogger(__name__)


class Janitor:
    """Sweeps until cancelled."""

    def __init__(
        self,
        sessions: SessionRegistry,
        dispatcher: Dispatcher,
        store: Store,
        journal: Journal,
        lives: LifeSettings,
        is_sweeper: Callable[[], bool],
    ) -> None:
        self._sessions = sessions
        self._dispatcher = dispatcher
        self._store = store
        self._journal = journal
        self._lives = lives
        self._is_sweeper = is_sweeper

    async def run(self) -> None:
        """Sweep sessions often, the store now and then."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweep_sessions())
            group.create_task(self._sweep_store())

    async def _sweep_sessions(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SESSION_SWEEP_S):
                    await self._sessions.has_given_up.wait()
            for session in self._sessions.expire():
                if await self._sessions.release(session):
                    await self._dispatcher.abandon(session.stream, list(session.owed))

    async def _sweep_store(self) -> None:
        lives = {
            INPUTS: INPUT_LIFE_S,
            RESULTS: self._lives.result_s,
            UPLOADS: self._lives.upload_s,
        }
        due = dict.fromkeys(lives, 0.0)
        while True:
            await asyncio.sleep(self._lives.sweep_every_s)
            for prefix, life_s in lives.items() if self._is_sweeper() else ():
                if time.monotonic() >= due[prefix]:
                    due[prefix] = time.monotonic() + LATE * life_s
                    await self._sweep(prefix, self._store.expire(prefix, life_s))
            await self._sweep("journal", self._journal.purge())

    @staticmethod
    async def _sweep(place: str, work: Awaitable[int]) -> None:
        try:
            await work
        except StorageUnavailable as exc:
            _log.warning("sweep failed", extra={"place": place, "detail": exc.detail})
