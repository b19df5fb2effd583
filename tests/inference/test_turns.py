"""Places and pixels by tenant: never more than there are, handed round, none lost."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from inference.turns import Turns


class Scene:
    """Holders that come and go by name; the first letter is the tenant's."""

    def __init__(self, places: int) -> None:
        self.turns = Turns(places)
        self.inside: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        for name in names:
            self._gates[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._hold(name))
        await self.settle()

    async def go(self, name: str) -> None:
        self._gates[name].set()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def _hold(self, name: str) -> None:
        async with self.turns.hold(name[0]):
            self.inside.append(name)
            await self._gates[name].wait()


async def test_no_more_are_inside_than_there_are_places() -> None:
    scene = Scene(2)
    await scene.come("a1", "a2", "a3")
    assert scene.inside == ["a1", "a2"]


async def test_who_leaves_makes_room_for_the_next() -> None:
    scene = Scene(1)
    await scene.come("a1", "a2")
    await scene.go("a1")
    assert scene.inside == ["a1", "a2"]


async def test_tenants_take_turns_however_many_wait() -> None:
    scene = Scene(1)
    await scene.come("a1", "a2", "a3", "a4", "b1")
    for name in ("a1", "a2", "b1"):
        await scene.go(name)
    assert scene.inside == ["a1", "a2", "b1", "a3"]


async def test_who_stops_waiting_is_passed_over() -> None:
    scene = Scene(1)
    await scene.come("a1", "a2", "a3")
    scene.tasks["a2"].cancel()
    await scene.go("a1")
    assert scene.inside == ["a1", "a3"]


async def test_place_given_to_one_who_stops_at_that_moment_is_not_lost() -> None:
    turns = Turns(1)
    async with AsyncExitStack() as first:
        await first.enter_async_context(turns.hold("a"))
        waiting = asyncio.create_task(_enter(turns))
        await asyncio.sleep(0)
    waiting.cancel()  # its turn has come, and it does not know yet
    await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(5), turns.hold("a"):
        pass


async def _enter(turns: Turns) -> None:
    async with turns.hold("a"):
        pass


# Pixels: some need more room than others


class Picture:
    """Holds its pixels from when it gets them until its gate is opened."""

    def __init__(self, budget: Turns, pixels: int, tenant: str = "a") -> None:
        self.has_pixels = False
        self._done = asyncio.Event()
        self.task = asyncio.ensure_future(self._hold(budget, pixels, tenant))

    async def _hold(self, budget: Turns, pixels: int, tenant: str) -> None:
        async with budget.hold(tenant, pixels):
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


async def begin(budget: Turns, *sizes: int) -> list[Picture]:
    pictures = [Picture(budget, pixels) for pixels in sizes]
    await settle()
    return pictures


async def is_whole(budget: Turns, total: int) -> bool:
    """Whether all pixels are free: one picture of that size gets them at once."""
    (picture,) = await begin(budget, total)
    has_pixels = picture.has_pixels
    picture.cancel()
    await settle()
    return has_pixels


def states(pictures: list[Picture]) -> list[bool]:
    return [picture.has_pixels for picture in pictures]


async def test_pictures_within_the_budget_do_not_wait() -> None:
    assert states(await begin(Turns(10), 4, 6)) == [True, True]


async def test_picture_over_what_is_free_waits() -> None:
    assert states(await begin(Turns(10), 6, 5)) == [True, False]


async def test_picture_that_ends_lets_the_next_one_in() -> None:
    pictures = await begin(Turns(10), 6, 5)
    await pictures[0].finish()
    assert states(pictures) == [True, True]


async def test_picture_over_the_whole_budget_runs_alone() -> None:
    pictures = await begin(Turns(10), 1, 999)
    assert states(pictures) == [True, False]
    await pictures[0].finish()
    assert states(pictures) == [True, True]


async def test_nothing_runs_beside_a_picture_over_the_whole_budget() -> None:
    assert states(await begin(Turns(10), 999, 1)) == [True, False]


async def test_small_picture_does_not_overtake_a_large_one() -> None:
    assert states(await begin(Turns(10), 6, 8, 1)) == [True, False, False]


async def test_one_end_may_let_in_many() -> None:
    pictures = await begin(Turns(10), 10, 3, 3, 3, 3)
    await pictures[0].finish()
    assert states(pictures) == [True, True, True, True, False]


async def test_picture_that_fails_gives_its_pixels_back() -> None:
    budget = Turns(10)
    with pytest.raises(ValueError, match="broken"):
        async with budget.hold("a", 7):
            raise ValueError("broken")
    assert await is_whole(budget, 10)


async def test_cancelled_holder_gives_its_pixels_back() -> None:
    budget = Turns(10)
    (picture,) = await begin(budget, 7)
    picture.cancel()
    await settle()
    assert await is_whole(budget, 10)


async def test_cancelled_waiter_takes_nothing_with_it() -> None:
    budget = Turns(10)
    holder, waiter = await begin(budget, 7, 7)
    waiter.cancel()
    await holder.finish()
    assert await is_whole(budget, 10)


async def test_cancelled_waiter_lets_those_behind_it_in() -> None:
    pictures = await begin(Turns(10), 6, 8, 4)
    pictures[1].cancel()
    await settle()
    assert states(pictures) == [True, False, True]


async def test_waiter_cancelled_in_the_moment_of_its_turn_gives_the_pixels_back() -> None:
    budget = Turns(10)
    holder, waiter = await begin(budget, 7, 7)
    holder.cancel()
    await asyncio.sleep(0)
    waiter.cancel()
    await settle()
    assert await is_whole(budget, 10)


async def test_waiter_cancelled_just_before_pixels_come_free_is_cancelled_cleanly() -> None:
    budget = Turns(10)
    holder, waiter = await begin(budget, 7, 7)
    holder.cancel()
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter.task
    assert await is_whole(budget, 10)


async def test_waiter_cancelled_in_its_turn_passes_the_turn_on() -> None:
    budget = Turns(10)
    holder, waiter, behind = await begin(budget, 7, 7, 7)
    holder.cancel()
    await asyncio.sleep(0)
    waiter.cancel()
    await settle()
    assert behind.has_pixels


async def test_who_holds_nothing_comes_before_who_holds_some() -> None:
    budget = Turns(10)
    large = Picture(budget, 6, "a")
    larger = Picture(budget, 8, "a")
    await settle()
    other = Picture(budget, 3, "b")
    await settle()
    assert states([large, larger, other]) == [True, False, True]


async def test_whose_turn_it_is_waits_for_room_and_is_not_overtaken() -> None:
    budget = Turns(10)
    first = Picture(budget, 6, "a")
    await settle()
    large = Picture(budget, 8, "b")
    await settle()
    small = Picture(budget, 1, "c")
    await settle()
    assert states([first, large, small]) == [True, False, False]
    await first.finish()
    assert states([large, small]) == [True, True]
