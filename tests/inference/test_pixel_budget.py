"""The pixels in work: never more than the budget, first come first served, none lost."""

from __future__ import annotations

import asyncio

import pytest

from inference.pixel_budget import PixelBudget


class Picture:
    """Holds its pixels from when it gets them until its gate is opened."""

    def __init__(self, budget: PixelBudget, pixels: int) -> None:
        self.has_pixels = False
        self._done = asyncio.Event()
        self.task = asyncio.ensure_future(self._hold(budget, pixels))

    async def _hold(self, budget: PixelBudget, pixels: int) -> None:
        async with budget.hold(pixels):
            self.has_pixels = True
            await self._done.wait()

    async def finish(self) -> None:
        self._done.set()
        await self.task
        await settle()

    def cancel(self) -> None:
        self.task.cancel()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def begin(budget: PixelBudget, *sizes: int) -> list[Picture]:
    pictures = [Picture(budget, pixels) for pixels in sizes]
    await settle()
    return pictures


async def is_whole(budget: PixelBudget, total: int) -> bool:
    """Whether all pixels are free: one picture of that size gets them at once."""
    (picture,) = await begin(budget, total)
    has_pixels = picture.has_pixels
    picture.cancel()
    await settle()
    return has_pixels


def states(pictures: list[Picture]) -> list[bool]:
    return [picture.has_pixels for picture in pictures]


async def test_pictures_within_the_budget_do_not_wait() -> None:
    assert states(await begin(PixelBudget(10), 4, 6)) == [True, True]


async def test_picture_over_what_is_free_waits() -> None:
    assert states(await begin(PixelBudget(10), 6, 5)) == [True, False]


async def test_picture_that_ends_lets_the_next_one_in() -> None:
    pictures = await begin(PixelBudget(10), 6, 5)
    await pictures[0].finish()
    assert states(pictures) == [True, True]


async def test_picture_over_the_whole_budget_runs_alone() -> None:
    pictures = await begin(PixelBudget(10), 1, 999)
    assert states(pictures) == [True, False]
    await pictures[0].finish()
    assert states(pictures) == [True, True]


async def test_nothing_runs_beside_a_picture_over_the_whole_budget() -> None:
    assert states(await begin(PixelBudget(10), 999, 1)) == [True, False]


async def test_small_picture_does_not_overtake_a_large_one() -> None:
    assert states(await begin(PixelBudget(10), 6, 8, 1)) == [True, False, False]


async def test_one_end_may_let_in_many() -> None:
    pictures = await begin(PixelBudget(10), 10, 3, 3, 3, 3)
    await pictures[0].finish()
    assert states(pictures) == [True, True, True, True, False]


async def test_picture_that_fails_gives_its_pixels_back() -> None:
    budget = PixelBudget(10)
    with pytest.raises(ValueError, match="broken"):
        async with budget.hold(7):
            raise ValueError("broken")
    assert await is_whole(budget, 10)


async def test_cancelled_holder_gives_its_pixels_back() -> None:
    budget = PixelBudget(10)
    (picture,) = await begin(budget, 7)
    picture.cancel()
    await settle()
    assert await is_whole(budget, 10)


async def test_cancelled_waiter_takes_nothing_with_it() -> None:
    budget = PixelBudget(10)
    holder, waiter = await begin(budget, 7, 7)
    waiter.cancel()
    await holder.finish()
    assert await is_whole(budget, 10)


async def test_cancelled_waiter_lets_those_behind_it_in() -> None:
    pictures = await begin(PixelBudget(10), 6, 8, 4)
    pictures[1].cancel()
    await settle()
    assert states(pictures) == [True, False, True]


async def test_waiter_cancelled_in_the_moment_of_its_turn_gives_the_pixels_back() -> None:
    budget = PixelBudget(10)
    holder, waiter = await begin(budget, 7, 7)
    holder.cancel()
    await asyncio.sleep(0)
    waiter.cancel()
    await settle()
    assert await is_whole(budget, 10)


async def test_waiter_cancelled_just_before_pixels_come_free_is_cancelled_cleanly() -> None:
    budget = PixelBudget(10)
    holder, waiter = await begin(budget, 7, 7)
    holder.cancel()
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter.task
    assert await is_whole(budget, 10)


async def test_waiter_cancelled_in_its_turn_passes_the_turn_on() -> None:
    budget = PixelBudget(10)
    holder, waiter, behind = await begin(budget, 7, 7, 7)
    holder.cancel()
    await asyncio.sleep(0)
    waiter.cancel()
    await settle()
    assert behind.has_pixels
