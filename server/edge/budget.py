"""How many request bytes all sockets together may hold: one counter, a share for each socket."""

import asyncio
from collections.abc import Callable

from server.edge.guard import GuardedTransport


class ByteBudget:
    """Counts the bytes held; who takes more while it is full waits until some are freed.

    One socket goes on even then, past the limit by its one request: else many unfinished requests
    could fill the budget and wait for each other.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._waiting: dict[Share, None] = {}
        self._ahead: Share | None = None

    @property
    def is_full(self) -> bool:
        """Tell whether sockets have to stop reading."""
        return self.used_bytes >= self.limit_bytes

    def take(self, share: "Share", count: int) -> bool:
        """Count bytes that a socket took; False: it has to wait, and `share.resume` will tell."""
        self.used_bytes += count
        if not self.is_full:
            return True
        if self._ahead is None:
            self._ahead = share
        if self._ahead is share:
            return True
        self._waiting[share] = None
        return False

    def free(self, share: "Share", count: int) -> None:
        """Count bytes freed, and wake those who wait for them."""
        self.used_bytes -= count
        if self._ahead is share:
            self._ahead = None
        while self._waiting and not self.is_full:
            self._next().resume()
        if self._waiting and self._ahead is None:
            self._ahead = self._next()
            self._ahead.resume()

    def forget(self, share: "Share") -> None:
        """Drop a socket that has gone."""
        self._waiting.pop(share, None)

    def _next(self) -> "Share":
        share = next(iter(self._waiting))
        del self._waiting[share]
        return share


class Share:
    """What one socket holds of the budget; while that is full the socket is not read.

    A socket that stays paused in the middle of a request for `wait_s` is given up: its bytes are
    what the others wait for.
    """

    def __init__(
        self,
        budget: ByteBudget,
        transport: GuardedTransport,
        wait_s: float,
        *,
        wants_more: Callable[[], bool],
        give_up: Callable[[], None],
    ) -> None:
        self.held_bytes = 0
        self._budget = budget
        self._transport = transport
        self._wait_s = wait_s
        self._wants_more = wants_more
        self._give_up = give_up
        self._timer: asyncio.TimerHandle | None = None

    def hold(self, held_bytes: int) -> None:
        """Set what this socket holds now; it is paused if it took more from a full budget."""
        difference = held_bytes - self.held_bytes
        self.held_bytes = held_bytes
        if difference < 0:
            self._budget.free(self, -difference)
        elif difference > 0 and not self._budget.take(self, difference):
            self._transport.hold("budget")
            self._start_timer()

    def release(self) -> None:
        """Give everything back: the socket has gone."""
        self._budget.forget(self)
        self._stop_timer()
        held, self.held_bytes = self.held_bytes, 0
        self._budget.free(self, held)

    def resume(self) -> None:
        """Read on: there is room."""
        self._stop_timer()
        self._transport.lift("budget")

    def _start_timer(self) -> None:
        self._stop_timer()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._wait_s, self._expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        if self._wants_more():
            self._give_up()
        else:
            self._start_timer()
