"""What has become of a result's upload? Told to whoever polls for the result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import UNSET

from protocol.jobs import JobId, Outcome
from protocol.replies import Reply, with_member
from protocol.tasks import PictureTask
from server.deliveries.outbox import Outbox, State

WORDS: dict[State, str] = {"pending": "pending", "delivered": "delivered", "given_up": "failed"}


Elsewhere = Callable[[JobId], Awaitable[State | None]]
"""Tells what another gateway has noted of a task's upload."""


class Uploads:
    """Knows the uploads of the last day."""

    def __init__(self, outbox: Outbox, elsewhere: Elsewhere | None = None) -> None:
        self._outbox = outbox
        self._elsewhere = elsewhere

    async def tell(self, outcome: Outcome, reply: Reply) -> Reply:
        """Add `uploadStatus` to the reply of a task that asked for an upload."""
        task = outcome.job.task
        if not isinstance(task, PictureTask) or task.upload_endpoint is UNSET:
            return reply
        state = await self._outbox.state("upload", outcome)
        if state is None and self._elsewhere is not None and outcome.product is not None:
            state = await self._elsewhere(outcome.job.id) or "pending"
        return reply if state is None else with_member(reply, "uploadStatus", WORDS[state])
