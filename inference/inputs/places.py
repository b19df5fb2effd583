"""How many calls run at once? So many in all, so many to one host; the others wait, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from protocol.errors import Overloaded


class Places:
    """Places for calls, handed out in order of asking.

    Waiting for longer than `wait_s`, or behind `max_waiting` others, raises Overloaded.
    """

    def __init__(self, *, in_all: int, per_host: int, max_waiting: int, wait_s: float) -> None:
        self._free = asyncio.Semaphore(in_all)
        self._per_host = per_host
        self._most_inside = in_all + max_waiting
        self._wait_s = wait_s
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._inside: dict[str, int] = {}

    @asynccontextmanager
    async def take(self, host: str) -> AsyncIterator[None]:
        """Hold a place for a call to the host."""
        if sum(self._inside.values()) >= self._most_inside:
            raise _overloaded()
        self._inside[host] = self._inside.get(host, 0) + 1
        gate = self._hosts.setdefault(host, asyncio.Semaphore(self._per_host))
        try:
            # The host first: who waits for a slow host must not hold a place of the others.
            async with self._held(gate), self._held(self._free):
                yield
        finally:
            self._leave(host)

    @asynccontextmanager
    async def _held(self, places: asyncio.Semaphore) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._wait_s):
                await places.acquire()
        except TimeoutError as exc:
            raise _overloaded() from exc
        try:
            yield
        finally:
            places.release()

    def _leave(self, host: str) -> None:
        self._inside[host] -= 1
        if not self._inside[host]:
            del self._inside[host], self._hosts[host]


def _overloaded() -> Overloaded:
    return Overloaded("too many downloads at the moment; try again later")
