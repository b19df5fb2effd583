"""Rates of a key hold for all gateways together: each tells the others what it has let through.

Nothing is asked and nothing is waited for, so a key may get a burst at each gateway before they
have told each other. What is too much is paid back: it waits that much longer for the next call.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Final

import msgspec
from nats.aio.msg import Msg

from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker
from server.rates import CountsCalls

TELL_S: Final = 0.1


class _Told(msgspec.Struct, frozen=True):
    gateway: str
    calls: dict[str, dict[str, int]]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Told)


class SharedRates:
    """Tells other gateways what the limiters here let through, and these what the others did."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._gateway = uuid.uuid4().hex
        self._limiters: dict[str, CountsCalls] = {}

    def share(self, limiters: Sequence[CountsCalls]) -> None:
        """Have limiters count together with those of the same name elsewhere."""
        self._limiters |= {limiter.what: limiter for limiter in limiters}

    async def run(self) -> None:
        """Tell and listen until cancelled."""
        await self._broker.listen(names.CALLS, self._on_told)
        while True:
            await asyncio.sleep(TELL_S)
            calls = {what: limiter.let_through() for what, limiter in self._limiters.items()}
            calls = {what: by_key for what, by_key in calls.items() if by_key}
            if calls:
                await self._broker.tell(names.CALLS, _ENCODER.encode(_Told(self._gateway, calls)))

    async def _on_told(self, message: Msg) -> None:
        told = _DECODER.decode(message.data)
        if told.gateway == self._gateway:
            return
        for what, by_key in told.calls.items():
            if what in self._limiters:
                for key, calls in by_key.items():
                    self._limiters[what].add(key, calls)
