"""Which pings were answered: a pong tells that the client has all that was sent before its ping."""

from collections.abc import Callable
from itertools import count

OnPong = Callable[[], None]


class Pings:
    """The pings under way, oldest first; a client may answer only the newest (RFC 6455, 5.5.3)."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, OnPong | None] = {}
        self._numbers = count(1)

    def expect(self, on_pong: OnPong) -> bytes:
        """Number a ping: return its payload; its pong is told to `on_pong`."""
        payload = next(self._numbers).to_bytes(8, "big")
        self._waiting[payload] = on_pong
        return payload

    def pass_over(self, payload: bytes | None) -> None:
        """Note somebody else's ping, which has its place in the order."""
        if payload is not None and self._waiting:
            self._waiting[payload] = None

    def answered(self, payload: bytes) -> None:
        """Tell of the pong of this payload, and so of all pings before it."""
        if payload not in self._waiting:
            return
        for earlier in tuple(self._waiting):
            on_pong = self._waiting.pop(earlier)
            if on_pong is not None:
                on_pong()
            if earlier == payload:
                return

    def end(self) -> None:
        """Expect nothing more: the connection has ended."""
        self._waiting.clear()
