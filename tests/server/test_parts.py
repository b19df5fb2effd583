"""Parts beside the service: one that crashes is remembered, and takes nothing else with it."""

from __future__ import annotations

import asyncio

from server.parts import Parts


async def break_down() -> None:
    raise ZeroDivisionError


async def test_block_goes_on_when_its_part_crashes() -> None:
    parts = Parts()
    async with parts.running(break_down(), "a part"):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not parts.are_whole


async def test_part_ends_with_its_block_and_that_is_no_crash() -> None:
    parts, was_cancelled = Parts(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            was_cancelled.set()

    async with parts.running(work(), "a part"):
        await asyncio.sleep(0)
    assert was_cancelled.is_set()
    assert parts.are_whole
