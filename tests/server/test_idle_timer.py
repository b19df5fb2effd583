"""Silence: noticed after its time, and only while somebody waits."""

from __future__ import annotations

import asyncio

import pytest

from server.idle_timer import IdleTimer

LIMIT_S = 0.01


class Ends:
    """Hears of silence; says whether it was the end."""

    def __init__(self, *answers: bool) -> None:
        self.heard = 0
        self._answers = list(answers)
        self._changed = asyncio.Event()

    def __call__(self) -> bool:
        self.heard += 1
        self._changed.set()
        return self._answers.pop(0) if self._answers else True

    async def times(self, count: int) -> None:
        async with asyncio.timeout(30):
            while self.heard < count:
                self._changed.clear()
                await self._changed.wait()


async def test_silence_is_told() -> None:
    ends = Ends()
    IdleTimer(LIMIT_S, ends).begin()

    await ends.times(1)


async def test_silence_that_was_not_the_end_is_told_again() -> None:
    ends = Ends(False, False, True)
    IdleTimer(LIMIT_S, ends).begin()

    await ends.times(3)


async def test_timer_that_was_set_by_an_earlier_wait_tells_of_a_later_one() -> None:
    ends = Ends()
    timer = IdleTimer(LIMIT_S, ends)
    timer.begin()
    timer.end()
    timer.begin()

    await ends.times(1)


@pytest.mark.parametrize("ending", ["end", "cancel"])
async def test_nothing_is_told_once_the_wait_is_over(ending: str) -> None:
    ends, later = Ends(), Ends()
    timer = IdleTimer(LIMIT_S, ends)
    timer.begin()
    getattr(timer, ending)()
    IdleTimer(3 * LIMIT_S, later).begin()

    await later.times(1)

    assert ends.heard == 0
