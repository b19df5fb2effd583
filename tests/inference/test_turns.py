"""Places by tenant: as many as there are, handed round, never lost."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

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
