"""How a socket is read, written and closed safely: a transport around the event loop's own."""

import asyncio
from collections.abc import Iterable
from typing import Any

from server.edge.settings import EdgeSettings

Buffer = bytes | bytearray | memoryview

TOGETHER_BYTES = 64 * 1024
"""What is written in one turn of the loop is copied together below this, and sent at once above."""

LAST_LOOK_S = 0.5  # for a client that goes on sending, to notice our last word


class GuardedTransport(asyncio.Transport):
    """Pauses reading for as long as anyone has a reason; ends writes and closes that do not end."""

    def __init__(
        self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop, settings: EdgeSettings
    ) -> None:
        super().__init__()
        self._inner = inner
        self._loop = loop
        self._settings = settings
        self._reasons: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._undrained_bytes = 0
        self._pieces: list[Buffer] = []
        self._piece_bytes = 0
        self._flushing: asyncio.Handle | None = None
        self._left_to_drop = 0
        self.is_lingering = False
        # While a body still arrives, closing at once would reset the connection: our answer lost.
        self.linger_on_close = False
        # The rest of a body that may still be under way; it is dropped, and linger_bytes beyond it.
        self.awaited_bytes = 0
        inner.set_write_buffer_limits(high=settings.write_high_water_bytes)

    # Reading

    @property
    def is_held(self) -> bool:
        """Tell whether we, not the client, are why nothing arrives."""
        return bool(self._reasons)

    def hold(self, reason: str) -> None:
        """Read nothing more until this reason is lifted."""
        if not self._reasons and not self._inner.is_closing():
            self._inner.pause_reading()
        self._reasons.add(reason)

    def lift(self, reason: str) -> None:
        """Read on, unless there is another reason not to."""
        if reason not in self._reasons:
            return
        self._reasons.discard(reason)
        if not self._reasons and not self._inner.is_closing():
            self._inner.resume_reading()

    def pause_reading(self) -> None:
        """Hold for the protocol's own reason."""
        self.hold("protocol")

    def resume_reading(self) -> None:
        """Lift the protocol's own reason."""
        self.lift("protocol")

    def is_reading(self) -> bool:
        """Tell whether bytes are taken from the socket."""
        return self._inner.is_reading()

    # Writing

    def write(self, data: Buffer) -> None:
        """Send, unless the last word has been said; all of one turn of the loop leaves together."""
        if not self.is_lingering:
            self._pieces.append(data)
            self._written(len(data))

    def writelines(self, list_of_data: Iterable[Buffer]) -> None:
        """Send several pieces."""
        if not self.is_lingering:
            pieces = tuple(list_of_data)
            self._pieces += pieces
            self._written(sum(map(len, pieces)))

    def _written(self, count: int) -> None:
        self._piece_bytes += count
        if self._piece_bytes >= TOGETHER_BYTES:
            self.flush()
        elif self._flushing is None:
            self._flushing = self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Hand on what was written."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        pieces, size = self._pieces, self._piece_bytes
        if not pieces:
            return
        self._pieces, self._piece_bytes = [], 0
        if size < TOGETHER_BYTES:
            self._inner.write(b"".join(pieces))
        else:
            self._inner.writelines(pieces)

    def write_eof(self) -> None:
        """Close our half."""
        self.flush()
        self._inner.write_eof()

    def can_write_eof(self) -> bool:
        """Tell whether our half can be closed alone."""
        return self._inner.can_write_eof()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set when the protocol is told to pause."""
        self._inner.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Count the bytes that the client has not taken."""
        return self._piece_bytes + self._inner.get_write_buffer_size()

    def watch_sending(self) -> None:
        """Start the send deadline: the buffer is full."""
        if self._stall is None:
            self._undrained_bytes = self._inner.get_write_buffer_size()
            self._stall = self._loop.call_later(self._settings.send_timeout_s, self._check_sending)

    def unwatch_sending(self) -> None:
        """Stop the send deadline: the client reads."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _check_sending(self) -> None:
        self._stall = None
        drained = self._undrained_bytes - self._inner.get_write_buffer_size()
        if drained < self._settings.send_min_bytes:
            self.abort()
        else:
            self.watch_sending()

    # Closing

    def is_closing(self) -> bool:
        """Tell whether the last word has been said."""
        return self.is_lingering or self._inner.is_closing()

    def close(self) -> None:
        """Close after what was written is sent, or after the send deadline."""
        if self.is_lingering:
            return
        if self.linger_on_close and not self._inner.is_closing():
            self.linger()
            return
        self.flush()
        self._inner.close()
        if self._timer is None and self._inner.get_write_buffer_size():
            self._timer = self._loop.call_later(self._settings.send_timeout_s, self.abort)

    def linger(self) -> None:
        """Close our half, then read and drop a little, so that the client sees what was written."""
        if self.is_closing():
            return
        self.flush()
        self.is_lingering = True
        self._left_to_drop = self.awaited_bytes + self._settings.linger_bytes
        for reason in tuple(self._reasons):
            self.lift(reason)
        if self._inner.can_write_eof():
            self._inner.write_eof()
        self._timer = self._loop.call_later(self._settings.linger_s, self.abort)

    def drop(self, count: int) -> None:
        """Count bytes that arrived after the last word; beyond the limit the end comes soon."""
        self._left_to_drop -= count
        if self._left_to_drop <= 0 and "dropped" not in self._reasons:
            self.hold("dropped")
            self.forget_timers()
            self._timer = self._loop.call_later(LAST_LOOK_S, self.abort)

    def abort(self) -> None:
        """Close at once."""
        self._pieces, self._piece_bytes = [], 0
        self.forget_timers()
        self._inner.abort()

    def forget_timers(self) -> None:
        """Cancel what would still happen: the connection has gone."""
        self.unwatch_sending()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # The rest is the inner transport's

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Ask the inner transport."""
        return self._inner.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another protocol receive the bytes."""
        self._inner.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Tell who receives the bytes."""
        return self._inner.get_protocol()
