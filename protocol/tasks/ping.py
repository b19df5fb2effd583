"""Keep the connection alive: `ping`. Not a task: it has no taskUUID."""

from __future__ import annotations

import msgspec

from protocol.names import wire_name


class Ping(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    tag_field="taskType",
    tag="ping",
):
    """Answered with a pong, alone in its frame."""

    ping: bool = True
