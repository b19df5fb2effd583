"""Whose steps run ahead, whose behind, and what the kernel makes of it."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
from fakes import PATIENCE_S, FakeClock

from inference.crew import ACTIVE_S, NICENESS, Crew

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="a thread's niceness is Linux's")


@pytest.fixture
async def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def crew(clock: FakeClock) -> AsyncIterator[Crew]:
    crew = Crew(4, first=1, clock=clock)
    yield crew
    crew.close()


def take(crew: Crew, *tenants: str) -> list[bool]:
    """Begin steps, one after another, none of which ends; tell which of them run behind."""
    with ExitStack() as steps:
        return [steps.enter_context(crew.step(tenant)) for tenant in tenants]


def test_one_tenants_steps_all_run_ahead(crew: Crew) -> None:
    assert take(crew, "a", "a", "a") == [False, False, False]


def test_beside_another_a_tenant_has_its_first_steps_ahead(crew: Crew) -> None:
    take(crew, "b")
    assert take(crew, "a", "a", "a", "b") == [False, True, True, False]


def test_step_that_ends_makes_room_ahead(crew: Crew) -> None:
    take(crew, "b")
    assert take(crew, "a") == take(crew, "a") == [False]


def test_newcomer_runs_ahead_of_what_the_other_began_alone(crew: Crew) -> None:
    assert take(crew, "a", "a", "b", "a") == [False, False, False, True]


def test_other_that_went_away_holds_nobody_back(crew: Crew, clock: FakeClock) -> None:
    take(crew, "b")
    clock.advance(ACTIVE_S + 1)
    assert take(crew, "a", "a") == [False, False]


async def test_step_ahead_never_waits_for_steps_behind(crew: Crew) -> None:
    gate = threading.Event()
    take(crew, "b")
    flood = [asyncio.create_task(crew.run("a", gate.wait, PATIENCE_S)) for _ in range(9)]
    await asyncio.sleep(0)
    assert await asyncio.wait_for(crew.run("b", int, "7"), PATIENCE_S) == 7
    gate.set()
    assert await asyncio.gather(*flood) == [True] * 9


@on_linux
async def test_kernel_is_told_which_threads_are_behind(crew: Crew) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    take(crew, "b")
    gate = threading.Event()
    first = asyncio.create_task(crew.run("a", gate.wait, PATIENCE_S))
    await asyncio.sleep(0)
    assert await crew.run("a", _niceness) == min(19, own + NICENESS)
    assert await crew.run("b", _niceness) == own
    gate.set()
    await first


def _niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
