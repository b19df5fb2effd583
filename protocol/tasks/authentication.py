"""Log in, and take up an earlier session: `authentication`. Not a task: it has no taskUUID."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from protocol.names import wire_name

ApiKey = Annotated[str, Meta(min_length=1, max_length=512, extra={"is_secret": True})]
SessionUUID = Annotated[
    str,
    Meta(
        pattern=r"\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z",
        description="UUID that an earlier login returned",
    ),
]


class Authentication(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    tag_field="taskType",
    tag="authentication",
):
    """The first message of a connection."""

    api_key: ApiKey
    connection_session_uuid: SessionUUID | UnsetType = UNSET

    def __repr__(self) -> str:
        """Hide the key."""
        return "Authentication(api_key=…)"
