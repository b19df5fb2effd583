"""The loop's lateness: told at every tick, as long as what held the loop."""

from __future__ import annotations

import asyncio
import time

from server.loop_lag import watched_loop
from server.metrics import Metrics


async def test_loop_that_was_held_is_late_by_as_much() -> None:
    seen: list[float] = []
    grown = asyncio.Event()

    def observe(seconds: float) -> None:
        seen.append(seconds)
        grown.set()

    async with watched_loop(observe, tick_s=0.001):
        await asyncio.wait_for(grown.wait(), 30)
        seen.clear()
        grown.clear()
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            pass
        await asyncio.wait_for(grown.wait(), 30)

    assert max(seen) >= 0.045


async def test_nothing_is_told_after_the_end() -> None:
    seen: list[float] = []
    async with watched_loop(seen.append, tick_s=0):
        pass
    await asyncio.sleep(0)
    seen.clear()
    await asyncio.sleep(0)

    assert seen == []


def test_lateness_is_among_the_metrics() -> None:
    metrics = Metrics()
    metrics.loop_was_late(0.003)

    assert 'cutwire_loop_lag_seconds_bucket{le="0.005"} 1.0' in metrics.text().decode()
