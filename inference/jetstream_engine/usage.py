"""What is to be charged and handed over: told to the one process that keeps the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from nats.aio.msg import Msg

from inference.jetstream_engine import names
from inference.jetstream_engine.broker import WRONG_LAST_SEQUENCE, Broker, Refusal
from inference.jetstream_engine.jobs import decode_outcome
from inference.jetstream_engine.puller import Puller, Pullers
from protocol.errors import StorageUnavailable
from protocol.jobs import Outcome

ROOM: Final = 256
RETRY_S: Final = 1.0

Record = Callable[[Sequence[Outcome]], Awaitable[None]]
"""Writes outcomes down, each once however often it comes; durable on return."""

_log = logging.getLogger(__name__)


class UsageFeed:
    """The outcomes of all workers, each removed from the broker when it is written down."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._messages: asyncio.Queue[Msg] = asyncio.Queue()

    async def is_claimed(self, ledger_id: str) -> bool:
        """Say whether the ledger of this id is the cluster's; the first that asks is."""
        key = f"$KV.CLUSTER.{names.LEDGER}"
        try:
            await self._broker.store(key, ledger_id.encode(), last_seq=0)
        except Refusal as refusal:
            if refusal.err_code != WRONG_LAST_SEQUENCE:
                raise StorageUnavailable(
                    "The ledger cannot be claimed.", detail=str(refusal)
                ) from (refusal)
            found = await self._broker.last(names.CLUSTER, key)
            return found is not None and found.data == ledger_id.encode()
        return True

    async def release(self) -> None:
        """Let the next gateway that asks have the ledger: the one that had it will not be back."""
        request = {"filter": f"$KV.CLUSTER.{names.LEDGER}"}
        await self._broker.call(f"STREAM.PURGE.{names.CLUSTER}", request)

    async def run(self, record: Record) -> None:
        """Have everything recorded until cancelled."""
        pullers = Pullers(self._broker)
        puller = Puller(
            self._broker,
            names.USAGE,
            names.LEDGER,
            lambda: ROOM - self._messages.qsize(),
            self._messages.put_nowait,
        )
        await pullers.add(puller)
        try:
            while True:
                await self._record(await self._group(), record)
                pullers.wake()
        finally:
            await pullers.stop()

    async def _group(self) -> list[Msg]:
        group = [await self._messages.get()]
        while len(group) < ROOM and not self._messages.empty():
            group.append(self._messages.get_nowait())
        return group

    async def _record(self, group: Sequence[Msg], record: Record) -> None:
        outcomes, readable = [], []
        for message in group:
            try:
                outcomes.append(decode_outcome(message.data))
                readable.append(message)
            except msgspec.MsgspecError:
                _log.exception("a charge cannot be read; it is kept until it expires")
        while True:
            with contextlib.suppress(StorageUnavailable):
                await record(outcomes)
                break
            await asyncio.sleep(RETRY_S)
        for message in readable:
            await self._broker.tell(message.reply, b"+ACK")
