"""The WebSocket side of the service as an AsyncAPI 3 document."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec

from protocol.replies import TaskError
from server.description.schemas import MESSAGES, RESULTS, Schema, components, ref


@lru_cache(maxsize=8)
def asyncapi(base_url: str, version: str) -> bytes:
    """Write the document for a service that is reached at `base_url`."""
    at = urlsplit(base_url)
    asked = {kind.__name__: _message(kind, _array(ref(kind))) for kind in MESSAGES}
    told = {kind.__name__: _message(kind, _frame("data", ref(kind))) for kind in RESULTS}
    told[TaskError.__name__] = _message(TaskError, _frame("errors", ref(TaskError)))
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Cutwire",
            "version": version,
            "description": "A client sends arrays of messages, of any kinds; "
            "each reply is a frame of its own, in the order in which tasks end.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "here": {
                "host": at.netloc,
                "pathname": at.path or "/",
                "protocol": "wss" if at.scheme == "https" else "ws",
            }
        },
        "channels": {"tasks": {"address": "/v1", "messages": asked | told}},
        "operations": {
            "receiveTasks": _operation("receive", "What a client may send", asked),
            "sendReplies": _operation("send", "What the service answers", told),
        },
        "components": {"schemas": components(())},
    }
    return msgspec.json.encode(document)


def _message(kind: type[msgspec.Struct], payload: Schema) -> dict[str, Any]:
    return {"name": kind.__name__, "summary": kind.__doc__, "payload": payload}


def _array(item: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": item}


def _frame(member: str, item: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {member: {"type": "array", "minItems": 1, "maxItems": 1, "items": item}},
        "required": [member],
        "additionalProperties": False,
    }


def _operation(action: str, summary: str, names: Iterable[str]) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/tasks"},
        "messages": [{"$ref": f"#/channels/tasks/messages/{name}"} for name in names],
    }
