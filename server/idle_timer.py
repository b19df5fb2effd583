"""Who has been silent for too long? One timer a connection, set anew only when it fires."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class IdleTimer:
    """Calls back when a wait takes `limit_s`; beginning and ending a wait costs next to nothing.

    The callback says whether that was the end; else it is asked again after another `limit_s`.
    """

    def __init__(self, limit_s: float, on_idle: Callable[[], bool]) -> None:
        self._limit_s = limit_s
        self._on_idle = on_idle
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Begin to wait; needs a running loop."""
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._limit_s, self._look, loop)

    def end(self) -> None:
        """Note that the wait is over."""
        self._since = None

    def cancel(self) -> None:
        """End it all: the connection has gone."""
        self._since = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._since is None:
            return  # the next wait sets it again
        left_s = self._since + self._limit_s - loop.time()
        if left_s <= 0:
            if self._on_idle():
                return
            self._since, left_s = loop.time(), self._limit_s
        self._timer = loop.call_later(left_s, self._look, loop)
