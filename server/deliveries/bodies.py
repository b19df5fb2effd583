"""What does a webhook say? In each dialect, what a poll or a reply would say."""

from __future__ import annotations

from typing import Protocol

import msgspec

from inference.engine import JobState
from protocol.jobs import Outcome
from server.edit_replier import EditReplier
from server.replier import Replier

_ENCODER = msgspec.json.Encoder()


class WritesBody(Protocol):
    """Writes what a webhook of one dialect says."""

    async def body(self, outcome: Outcome, base_url: str) -> bytes:
        """Write the JSON; URLs in it are signed anew, so that a late try brings a good one."""


class TaskBodies:
    """The task array's: one element as it would stand in `data` or `errors`, nothing round it."""

    def __init__(self, replier: Replier) -> None:
        self._replier = replier

    async def body(self, outcome: Outcome, base_url: str) -> bytes:
        """Write the reply object."""
        return (await self._replier.reply(outcome, base_url)).body


class EditBodies:
    """The edit endpoints': what the status service says."""

    def __init__(self, replier: EditReplier) -> None:
        self._replier = replier

    async def body(self, outcome: Outcome, base_url: str) -> bytes:
        """Write the state of the request."""
        return _ENCODER.encode(await self._replier.state(JobState(outcome.job, outcome), base_url))
