"""Parts of the service that run beside it; one that ends by a defect is told of and remembered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any

_log = logging.getLogger(__name__)


class Parts:
    """Those of one process."""

    def __init__(self) -> None:
        self.are_whole = True
        """Whether none has crashed; one that did stays away until the process is started again."""

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a part; whoever starts it cancels it, and waits for its end."""
        part = asyncio.create_task(work, name=name)
        part.add_done_callback(self._look_at_end)
        return part

    @contextlib.asynccontextmanager
    async def running(self, work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
        """Have a part run beside the block, which goes on if it crashes."""
        part = self.start(work, name)
        try:
            yield
        finally:
            part.cancel()
            await asyncio.wait({part})

    def _look_at_end(self, part: asyncio.Task[None]) -> None:
        if not part.cancelled() and part.exception() is not None:
            self.are_whole = False
            _log.critical("%s stopped", part.get_name(), exc_info=part.exception())
