"""What has outlived its time is looked for often where lives are short, else seldom."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from fakes import PATIENCE_S

from inference.keys import INPUTS, RESULTS, UPLOADS
from protocol.jobs import JobId
from server.auth import Caller
from server.janitor import Janitor
from server.limits import LifeSettings
from server.session import Session


class Swept:
    """The store, the journal and the sessions: counts how often each was swept."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.has_given_up = asyncio.Event()
        self.is_enough = asyncio.Event()

    async def expire(self, prefix: str, older_than_s: float) -> int:
        self.counts[prefix] += 1
        return 0

    async def purge(self) -> int:
        self.counts["journal"] += 1
        if self.counts["journal"] == 5:
            self.is_enough.set()
            await asyncio.Event().wait()
        return 0


async def sweep(swept: Any, *, is_sweeper: bool = True) -> dict[str, int]:
    lives = LifeSettings(sweep_every_s=0, result_s=0)
    janitor = Janitor(swept, swept, swept, swept, lives, lambda: is_sweeper)
    running = asyncio.create_task(janitor.run())
    await asyncio.wait_for(swept.is_enough.wait(), PATIENCE_S)
    running.cancel()
    await asyncio.wait({running})
    return dict(swept.counts)


async def test_store_is_listed_as_often_as_lives_are_short() -> None:
    counts = await sweep(Swept())
    assert counts == {INPUTS: 1, RESULTS: 5, UPLOADS: 1, "journal": 5}


class Absent:
    """Sessions of which one is over and one goes on elsewhere; notes whose work is abandoned."""

    def __init__(self) -> None:
        self.has_given_up = asyncio.Event()
        self.has_given_up.set()
        self.over, self.elsewhere = Session(Caller("acme", "k")), Session(Caller("acme", "k"))
        self.abandoned: list[str] = []
        self.is_swept = asyncio.Event()

    def expire(self) -> list[Session]:
        self.has_given_up.clear()
        return [self.elsewhere, self.over]

    async def release(self, session: Session) -> bool:
        return session is self.over

    async def abandon(self, stream: str, job_ids: Sequence[JobId]) -> None:
        self.abandoned.append(stream)
        self.is_swept.set()


async def test_work_of_a_session_that_goes_on_elsewhere_is_not_abandoned() -> None:
    absent: Any = Absent()
    janitor = Janitor(absent, absent, absent, absent, LifeSettings(), lambda: False)
    running = asyncio.create_task(janitor.run())
    await asyncio.wait_for(absent.is_swept.wait(), PATIENCE_S)
    running.cancel()
    await asyncio.wait({running})
    assert absent.abandoned == [absent.over.stream]


async def test_store_of_many_gateways_is_swept_by_one() -> None:
    assert await sweep(Swept(), is_sweeper=False) == {"journal": 5}
