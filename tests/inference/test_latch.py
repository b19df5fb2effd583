"""The small event: like asyncio's, for those who wait and those who stop waiting."""

from __future__ import annotations

import asyncio

from inference.latch import Latch


async def test_who_comes_after_it_was_set_does_not_wait() -> None:
    latch = Latch()
    latch.set()
    async with asyncio.timeout(5):
        await latch.wait()


async def test_all_who_wait_go_on() -> None:
    latch = Latch()
    waiting = [asyncio.create_task(latch.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    latch.set()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)


async def test_who_was_let_go_goes_on_though_it_is_cleared_at_once() -> None:
    latch = Latch()
    waiting = asyncio.create_task(latch.wait())
    await asyncio.sleep(0)
    latch.set()
    latch.clear()
    async with asyncio.timeout(5):
        await waiting
    assert not latch.is_set()


async def test_who_stops_waiting_holds_up_nobody() -> None:
    latch = Latch()
    gone, stays = asyncio.create_task(latch.wait()), asyncio.create_task(latch.wait())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    latch.set()
    async with asyncio.timeout(5):
        await stays
