"""How late does the event loop come to its work? A tick now and then, and how late it was."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

TICK_S = 0.1
"""Whatever holds the loop is met as often as it lasts: rare ticks show the same shares as many."""


@contextlib.asynccontextmanager
async def watched_loop(
    observe: Callable[[float], None], tick_s: float = TICK_S
) -> AsyncIterator[None]:
    """Report each tick's lateness in seconds while the block runs.

    uvloop's timers are those of a clock of milliseconds: an idle loop is late by up to one.
    """
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def wait() -> asyncio.TimerHandle:
        return loop.call_later(tick_s, tick, time.monotonic() + tick_s)

    def tick(due: float) -> None:
        nonlocal timer
        observe(max(0.0, time.monotonic() - due))
        timer = wait()

    timer = wait()
    try:
        yield
    finally:
        timer.cancel()
