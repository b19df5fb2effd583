"""Should this process be sent new work, and should it be started again?

It is ready while it serves, does not drain, and its store answers; it lives until one of its parts
crashes, which only a new process mends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from inference.stores import BlobNotFound, Store
from protocol.errors import StorageUnavailable
from server.parts import Parts

CHECK_S = 2.0
"""How long the store may take to answer."""
FRESH_S = 1.0
"""For how long an answer holds: whoever asks often costs the store nothing."""
_KEY = "health"


class Health:
    """Answers a balancer and a supervisor; the store is asked for a blob that need not be there."""

    def __init__(
        self,
        store: Store,
        parts: Parts,
        is_serving: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._parts = parts
        self._is_serving = is_serving
        self._clock = clock
        self._asking = asyncio.Lock()
        self._is_stored = False
        self._asked_at = float("-inf")

    def table(self) -> list[BaseRoute]:
        """List the routes."""
        return [
            Route("/health/live", self._tell_live, methods=["GET"]),
            Route("/health/ready", self._tell_ready, methods=["GET"]),
        ]

    async def is_ready(self) -> bool:
        """Tell whether new work should come here."""
        return self._parts.are_whole and self._is_serving() and await self._can_store()

    async def _tell_live(self, _: Request) -> Response:
        is_live = self._parts.are_whole
        return JSONResponse({"status": "live" if is_live else "crashed"}, 200 if is_live else 503)

    async def _tell_ready(self, _: Request) -> Response:
        is_ready = await self.is_ready()
        status = "ready" if is_ready else "not ready"
        return JSONResponse({"status": status}, 200 if is_ready else 503)

    async def _can_store(self) -> bool:
        async with self._asking:
            if self._clock() - self._asked_at >= FRESH_S:
                self._is_stored = await self._ask()
                self._asked_at = self._clock()
            return self._is_stored

    async def _ask(self) -> bool:
        try:
            async with asyncio.timeout(CHECK_S):
                await self._store.touch(_KEY)
        except BlobNotFound:
            return True
        except (StorageUnavailable, TimeoutError):
            return False
        return True
