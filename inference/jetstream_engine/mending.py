"""Consumers that a crash of the broker left ahead of their stream: they would skip what comes next.

A server that is killed (seen: 2.10.27, `sync_interval` as it is by default) may come back with a
work queue that begins its sequence numbers anew, and with consumers that have not. What is
published then is stored, and handed out only when the numbers have grown beyond the old ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any, Final

from inference.jetstream_engine.broker import Broker, Refusal
from inference.jetstream_engine.topology import Wanted, make
from protocol.errors import StorageUnavailable

LOOK_S: Final = 30.0
SURE_AFTER_S: Final = 0.5

_log = logging.getLogger(__name__)


class Mender:
    """Looks after the consumers at the start, after each return of the broker, and now and then."""

    def __init__(self, broker: Broker, all_wanted: Sequence[Wanted]) -> None:
        self._broker = broker
        self._consumers = [one for one in all_wanted if one.consumer]
        self._returned = asyncio.Event()
        broker.on_return(self._look_at_once)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            with contextlib.suppress(StorageUnavailable, Refusal):
                await self.mend()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._returned.wait()
            self._returned.clear()

    async def mend(self) -> list[str]:
        """Make those anew that are ahead of their stream; tell which."""
        if not await self._ahead():
            return []
        await asyncio.sleep(SURE_AFTER_S)  # another process may be about it
        mended = []
        for one in await self._ahead():
            _log.warning("%s was ahead of its stream: made anew", one.name)
            with contextlib.suppress(Refusal):
                await self._broker.call(f"CONSUMER.DELETE.{one.target}")
            await make(self._broker, one)
            mended.append(one.name)
        return mended

    async def _ahead(self) -> list[Wanted]:
        ahead: list[Wanted] = []
        for stream in sorted({one.stream for one in self._consumers}):
            # The stream is asked last: what it has by then, no sound consumer can be ahead of.
            delivered = {
                one["name"]: one["delivered"]["stream_seq"]
                for one in await consumers_of(self._broker, stream)
            }
            last = (await self._broker.call(f"STREAM.INFO.{stream}"))["state"]["last_seq"]
            ahead += [
                one
                for one in self._consumers
                if one.stream == stream and delivered.get(one.consumer, 0) > last
            ]
        return ahead

    async def _look_at_once(self) -> None:
        self._returned.set()


async def consumers_of(broker: Broker, stream: str) -> list[dict[str, Any]]:
    """Describe all consumers of a stream."""
    found: list[dict[str, Any]] = []
    while True:
        page = await broker.call(f"CONSUMER.LIST.{stream}", {"offset": len(found)})
        consumers = page.get("consumers") or []
        found += consumers
        if not consumers or len(found) >= page["total"]:
            return found
