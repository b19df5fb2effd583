"""Whose turn is it, of those who wait for room? Tenants take turns, each in its own order."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_Turn = asyncio.Future[None]


class Turns:
    """So much room: places, or pixels of pictures in work.

    A tenant with many who wait delays another by one of them; who has no room yet comes before
    those who have some. Who needs more than there is gets all of it, alone. Nobody overtakes the
    one whose turn it is, however much that one needs.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._free = room
        self._held: Counter[str] = Counter()
        self._lines: OrderedDict[str, deque[tuple[int, _Turn]]] = OrderedDict()

    @asynccontextmanager
    async def hold(self, tenant: str, need: int = 1) -> AsyncIterator[None]:
        """Wait for room and hold it."""
        need = min(need, self._room)
        if self._lines or need > self._free:
            await self._wait(tenant, need)
        else:
            self._take(tenant, need)
        try:
            yield
        finally:
            self._give_back(tenant, need)

    async def _wait(self, tenant: str, need: int) -> None:
        turn: _Turn = asyncio.get_running_loop().create_future()
        entry = (need, turn)
        self._lines.setdefault(tenant, deque()).append(entry)
        self._hand_out()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(tenant, need)  # the room came in the same moment
            else:
                self._leave(tenant, entry)
            raise

    def _leave(self, tenant: str, entry: tuple[int, _Turn]) -> None:
        """Stop waiting: who stood behind may fit."""
        line = self._lines.get(tenant)
        if line and entry in line:
            line.remove(entry)
            if not line:
                del self._lines[tenant]
        self._hand_out()

    def _take(self, tenant: str, need: int) -> None:
        self._free -= need
        self._held[tenant] += need

    def _give_back(self, tenant: str, need: int) -> None:
        self._free += need
        self._held[tenant] -= need
        if not self._held[tenant]:
            del self._held[tenant]
        self._hand_out()

    def _hand_out(self) -> None:
        """Give room to those who wait, in turn, as far as it goes."""
        while self._lines:
            strangers = (name for name in self._lines if name not in self._held)
            tenant = next(strangers, next(iter(self._lines)))
            line = self._lines[tenant]
            need, turn = line[0]
            if need > self._free and not turn.done():
                return
            line.popleft()
            del self._lines[tenant]
            if line:
                self._lines[tenant] = line  # at the end
            if not turn.done():
                self._take(tenant, need)
                turn.set_result(None)
