"""How many calls run at once."""

from __future__ import annotations

import asyncio

import pytest

from inference.inputs.places import Places
from protocol.errors import Overloaded


def open_places(
    in_all: int = 4, per_host: int = 2, max_waiting: int = 10, wait_s: float = 10.0
) -> Places:
    return Places(in_all=in_all, per_host=per_host, max_waiting=max_waiting, wait_s=wait_s)


async def hold(places: Places, host: str, gate: asyncio.Event, inside: list[str]) -> None:
    async with places.take(host):
        inside.append(host)
        await gate.wait()


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def run(places: Places, hosts: str) -> list[str]:
    """Let every host ask for a place; list those who got one before anybody left."""
    gate, inside = asyncio.Event(), list[str]()
    async with asyncio.TaskGroup() as group:
        for host in hosts:
            group.create_task(hold(places, host, gate, inside))
        await turn()
        early = list(inside)
        gate.set()
    assert sorted(inside) == sorted(hosts)
    return early


async def test_one_host_takes_no_more_than_its_places() -> None:
    assert await run(open_places(), "aaa") == ["a", "a"]


async def test_all_hosts_together_take_no_more_than_all_places() -> None:
    assert await run(open_places(in_all=3), "abcd") == ["a", "b", "c"]


async def test_those_who_wait_for_a_host_hold_no_place_of_others() -> None:
    assert await run(open_places(in_all=3), "aaaab") == ["a", "a", "b"]


async def test_places_are_given_back() -> None:
    places = open_places(in_all=1, per_host=1, max_waiting=0)
    for _ in range(3):
        assert await run(places, "a") == ["a"]


async def test_one_more_than_may_wait_is_refused_at_once() -> None:
    places = open_places(in_all=1, per_host=1, max_waiting=1)
    gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(hold(places, "a", gate, []))
        group.create_task(hold(places, "a", gate, []))
        await turn()
        with pytest.raises(Overloaded):
            await hold(places, "b", gate, [])
        gate.set()


async def test_a_long_wait_is_refused() -> None:
    places = open_places(per_host=1, wait_s=0.01)
    async with places.take("a"):
        with pytest.raises(Overloaded):
            await hold(places, "a", asyncio.Event(), [])


async def test_a_cancelled_wait_leaves_no_trace() -> None:
    places = open_places(in_all=1, per_host=1, max_waiting=1)
    async with places.take("a"):
        waiting = asyncio.create_task(hold(places, "a", asyncio.Event(), []))
        await turn()
        waiting.cancel()
        await asyncio.wait([waiting])
    assert await run(places, "aa") == ["a"]
