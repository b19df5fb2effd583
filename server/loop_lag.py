"""How late does the event loop come to its work? A tick now and then, and how late it was."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

TICK_S = 0.02


@contextlib.asynccontextmanager
async def watched_loop(
    observe: Callable[[float], None], tick_s: float = TICK_S
) -> AsyncIterator[None]:
    """Report each tick's lateness in seconds while the block runs; costs about 1 ms a second.

    uvloop's timers are those of a clock of milliseconds: an idle loop is late by up to one.
    """
    watching = asyncio.create_task(_watch(observe, tick_s), name="loop lag")
    try:
        yield
    finally:
        watching.cancel()


async def _watch(observe: Callable[[float], None], tick_s: float) -> None:
    while True:
        due = time.monotonic() + tick_s
        await asyncio.sleep(tick_s)
        observe(max(0.0, time.monotonic() - due))
