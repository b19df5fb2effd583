"""Which pings were answered: a pong tells that the client has all that was sent before its ping."""

import asyncio
from itertools import count

Pong = asyncio.Future[bool]


class Pings:
    """The pings under way, oldest first; a client may answer only the newest (RFC 6455, 5.5.3)."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, Pong | None] = {}
        self._numbers = count(1)

    def expect(self, pong: Pong) -> tuple[bytes, Pong]:
        """Number a ping: its payload, and what its pong settles."""
        payload = next(self._numbers).to_bytes(8, "big")
        self._waiting[payload] = pong
        return payload, pong

    def pass_over(self, payload: bytes | None) -> None:
        """Note somebody else's ping, which has its place in the order."""
        if payload is not None and self._waiting:
            self._waiting[payload] = None

    def answered(self, payload: bytes) -> None:
        """Settle the ping with this payload and all before it."""
        if payload not in self._waiting:
            return
        for earlier in tuple(self._waiting):
            _settle(self._waiting.pop(earlier), is_reached=True)
            if earlier == payload:
                return

    def end(self) -> None:
        """Settle all: the connection has ended."""
        for pong in self._waiting.values():
            _settle(pong, is_reached=False)
        self._waiting.clear()


def _settle(pong: Pong | None, *, is_reached: bool) -> None:
    if pong is not None and not pong.done():
        pong.set_result(is_reached)
