"""What a test sends and gets back at the level of the wire: frames as parsed JSON."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from fakes import uuid_of

from protocol.decoding import Element, Failed, decode_message
from protocol.replies import error_reply

MAX_TASKS = 100
IMAGE = "data:image/png;base64,iVBORw0KGgo="
_CODE = re.compile(r"[a-z][A-Za-z0-9]{2,63}")


class Absent:
    """As a field's value: leave the field out."""


def task(**fields: Any) -> dict[str, Any]:
    """A good task with some fields changed."""
    members = {
        "taskType": "removeBackground",
        "taskUUID": uuid_of(1),
        "inputImage": IMAGE,
        "outputType": "base64Data",
        "outputFormat": "PNG",
    } | fields
    return {name: value for name, value in members.items() if value is not Absent}


def decode(*tasks: Any) -> list[Element]:
    """Decode an array of tasks as a client would send it."""
    return decode_message(json.dumps(tasks), max_tasks=MAX_TASKS)


def decode_one(task: Any) -> Element:
    (element,) = decode(task)
    return element


def error_of(failed: Element) -> dict[str, Any]:
    """The error object that a client gets for an element; it is well formed."""
    assert isinstance(failed, Failed), f"accepted: {failed}"
    reply = error_reply(failed.error, task_type=failed.task_type, task_uuid=failed.task_uuid)
    frame = json.loads(reply.frame)
    assert list(frame) == ["errors"]
    (error,) = frame["errors"]
    check_error(error)
    return dict(error)


def refusal(task: Any) -> dict[str, Any]:
    """The error object that a client gets for a task."""
    return error_of(decode_one(task))


def check_error(error: dict[str, Any]) -> None:
    """Assert what holds for every error object."""
    assert _CODE.fullmatch(error["code"]), error["code"]
    assert 0 < len(error["message"]) <= 600
    for text in (error["message"], error.get("parameter", "")):
        assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in text), text
    assert len(error.get("parameter", "")) <= 130
