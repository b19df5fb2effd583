"""Requests and their answers over one subscription.

The client's own `request` waits with `asyncio.wait_for`, which before Python 3.12 may swallow the
cancellation of who waits (bpo-37658): a task that was cancelled would go on.
"""

from __future__ import annotations

import asyncio
import itertools

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

NOBODY = "503"


class Requests:
    """The requests of one connection that wait for their answers."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prefix = client.new_inbox()
        self._numbers = itertools.count()
        self._waiting: dict[str, asyncio.Future[Msg]] = {}

    async def open(self) -> None:
        """Listen for answers."""
        await self._client.subscribe(
            f"{self._prefix}.*", cb=self._told, pending_msgs_limit=-1, pending_bytes_limit=-1
        )

    async def ask(
        self, subject: str, data: bytes, headers: dict[str, str] | None, limit_s: float
    ) -> Msg:
        """Send a request; raises TimeoutError, or NoRespondersError at once."""
        answered: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        inbox = f"{self._prefix}.{next(self._numbers)}"
        self._waiting[inbox] = answered
        try:
            async with asyncio.timeout(limit_s):
                await self._client.publish(subject, data, reply=inbox, headers=headers)
                answer = await answered
        finally:
            del self._waiting[inbox]
        if not answer.data and (answer.headers or {}).get("Status") == NOBODY:
            raise NoRespondersError
        return answer

    async def _told(self, answer: Msg) -> None:
        waiting = self._waiting.get(answer.subject)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
