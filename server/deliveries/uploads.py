"""What has become of a result's upload? Told to whoever polls for the result."""

from __future__ import annotations

from msgspec import UNSET

from protocol.jobs import Outcome
from protocol.replies import Reply, with_member
from protocol.tasks import PictureTask
from server.deliveries.outbox import Outbox, State

WORDS: dict[State, str] = {"pending": "pending", "delivered": "delivered", "given_up": "failed"}


class Uploads:
    """Knows the uploads of the last day."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def tell(self, outcome: Outcome, reply: Reply) -> Reply:
        """Add `uploadStatus` to the reply of a task that asked for an upload."""
        task = outcome.job.task
        if not isinstance(task, PictureTask) or task.upload_endpoint is UNSET:
            return reply
        state = await self._outbox.state("upload", outcome)
        return reply if state is None else with_member(reply, "uploadStatus", WORDS[state])
