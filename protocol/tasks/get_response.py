"""Ask for the state or result of an earlier task: `getResponse`."""

from __future__ import annotations

from protocol.names import wire_name
from protocol.tasks.common import Task


class GetResponse(
    Task,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    omit_defaults=True,
    tag="getResponse",
):
    """`taskUUID` is the original task's."""
