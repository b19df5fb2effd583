"""Messages of a consumer, asked for ahead: as many as there is room for, as soon as there is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from inference.jetstream_engine.broker import Broker
from protocol.errors import StorageUnavailable

EXPIRES_S: Final = 20.0
HEARTBEAT_S: Final = 2.0
SILENCE_S: Final = 2.5 * HEARTBEAT_S
"""Without a heartbeat for so long a request is lost: its server died, or its leader moved."""
LOOK_S: Final = 0.5

HEARTBEAT, EXPIRED = "100", "408"


class Puller:
    """Keeps requests open at one consumer."""

    def __init__(
        self,
        broker: Broker,
        stream: str,
        consumer: str,
        room: Callable[[], int],
        told: Callable[[Msg], None],
    ) -> None:
        self._broker = broker
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._room = room
        self._told = told
        self._asked = 0
        self._heard_at = time.monotonic()
        self._inbox = ""
        self._subscription: Subscription | None = None

    @property
    def asked(self) -> int:
        """Messages that were asked for and have not come."""
        return self._asked

    async def start(self) -> None:
        """Begin to ask."""
        self._inbox = self._broker.client.new_inbox()
        self._subscription = await self._broker.listen(self._inbox, self._on_message)
        await self.ask()

    async def stop(self) -> None:
        """Ask no more; what comes still is handed out again by the broker."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with contextlib.suppress(Exception):  # the connection may be gone, and it with it
                await subscription.unsubscribe()

    async def ask(self) -> None:
        """Ask for what there is room for, unless about that much is on its way."""
        want = self.wanted()
        if want <= 0:
            return
        if not self._asked:
            self._heard_at = time.monotonic()
        self._asked += want
        request = {
            "batch": want,
            "expires": int(EXPIRES_S * 1e9),
            "idle_heartbeat": int(HEARTBEAT_S * 1e9),
        }
        await self._broker.tell(self._subject, msgspec.json.encode(request), self._inbox)

    def wanted(self) -> int:
        """How many to ask for now."""
        if self._subscription is None or not self._broker.is_connected:
            return 0
        if self._asked and time.monotonic() - self._heard_at > SILENCE_S:
            self._asked = 0
        room = self._room()
        return 0 if self._asked > room // 2 else room - self._asked

    async def _on_message(self, message: Msg) -> None:
        self._heard_at = time.monotonic()
        status = (message.headers or {}).get("Status")
        if status == HEARTBEAT:
            return
        if status is None:
            self._asked = max(0, self._asked - 1)
            self._told(message)
        else:  # a request is over; after a failure the next one waits for the next look
            left = (message.headers or {}).get("Nats-Pending-Messages")
            self._asked = max(0, self._asked - int(left)) if left else 0
        if status in (None, EXPIRED) and self.wanted() > 0:
            await self.ask()


class Pullers:
    """Pullers that are looked after together."""

    def __init__(self, broker: Broker) -> None:
        self._pullers: list[Puller] = []
        self._has_room = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._looking: asyncio.TimerHandle | None = None
        broker.on_return(self._look_at_once)

    async def add(self, puller: Puller) -> None:
        """Start a puller and look after it."""
        self._pullers.append(puller)
        with contextlib.suppress(StorageUnavailable):
            await puller.start()
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())
            self._look()

    def wake(self) -> None:
        """Have all ask soon: there is room again."""
        self._has_room.set()

    async def stop(self) -> None:
        """Ask no more."""
        if self._keeping is not None:
            self._keeping.cancel()
        if self._looking is not None:
            self._looking.cancel()
        for puller in self._pullers:
            await puller.stop()
        self._pullers.clear()

    async def _keep(self) -> None:
        while True:
            await self._has_room.wait()
            self._has_room.clear()
            for puller in [puller for puller in self._pullers if puller.wanted() > 0]:
                await puller.ask()

    def _look(self) -> None:
        self.wake()
        self._looking = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    async def _look_at_once(self) -> None:
        self.wake()
