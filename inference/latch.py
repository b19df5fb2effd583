"""Has it happened yet? An event to wait for, a tenth of asyncio's in size: there are thousands."""

from __future__ import annotations

import asyncio


class Latch:
    """Set, cleared and waited for like `asyncio.Event`, which brings a queue of its own."""

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: tuple[asyncio.Future[None], ...] = ()

    def is_set(self) -> bool:
        """Tell whether nobody has to wait."""
        return self._is_set

    def set(self) -> None:
        """Let all who wait go on."""
        if not self._is_set:  # else nobody waits
            self._is_set = True
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def clear(self) -> None:
        """Let those who come now wait."""
        self._is_set = False

    async def wait(self) -> None:
        """Wait until it is set."""
        if self._is_set:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters = (*self._waiters, waiter)
        try:
            await waiter
        finally:
            self._waiters = tuple(other for other in self._waiters if other is not waiter)
