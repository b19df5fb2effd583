"""Requests and their answers over one subscription.

The client's own `request` waits with `asyncio.wait_for`, which before Python 3.12 may swallow the
cancellation of who waits (bpo-37658): a task that was cancelled would go on.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from inference.jetstream_engine.dialling import TRY_S

NOBODY = "503"
T = TypeVar("T")


class Requests:
    """The requests of one connection that wait for their answers."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prefix = client.new_inbox()
        self._numbers = itertools.count()
        self._waiting: dict[str, asyncio.Future[Msg | None]] = {}

    async def open(self) -> None:
        """Listen for answers."""
        await self._client.subscribe(
            f"{self._prefix}.*", cb=self._told, pending_msgs_limit=-1, pending_bytes_limit=-1
        )

    async def ask(self, subject: str, data: bytes, headers: dict[str, str] | None) -> Msg:
        """Send a request; raises TimeoutError, or NoRespondersError at once."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Msg | None] = loop.create_future()
        inbox = f"{self._prefix}.{next(self._numbers)}"
        self._waiting[inbox] = answered
        timer = loop.call_later(TRY_S, _settle, answered, None)
        try:
            await self._client.publish(subject, data, reply=inbox, headers=headers)
            answer = await answered
        finally:
            timer.cancel()
            del self._waiting[inbox]
        if answer is None:
            raise TimeoutError
        if not answer.data and (answer.headers or {}).get("Status") == NOBODY:
            raise NoRespondersError
        return answer

    async def _told(self, answer: Msg) -> None:
        waiting = self._waiting.get(answer.subject)
        if waiting is not None:
            _settle(waiting, answer)


def _settle(answered: asyncio.Future[Msg | None], answer: Msg | None) -> None:
    if not answered.done():
        answered.set_result(answer)


async def together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all of them at once; a single one needs no task of its own."""
    if len(work) == 1:
        return [await work[0]]
    return await asyncio.gather(*work)
