"""The structs of the protocol → JSON Schema, as clients may send and will receive them."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, get_args

import msgspec

from protocol.edit_errors import EditError
from protocol.edits import Done, Edit, Refused, State, Taken
from protocol.replies import TaskError
from protocol.results import (
    Acknowledged,
    BoundingBox,
    Detection,
    ImageResult,
    LoggedIn,
    MaskResult,
    Pong,
    StillRunning,
)
from protocol.tasks import AnyTask, Message, Task

REF = "#/components/schemas/"
RESULTS: tuple[type[msgspec.Struct], ...] = (
    LoggedIn,
    Pong,
    Acknowledged,
    StillRunning,
    ImageResult,
    MaskResult,
)
TASKS: tuple[type[Task], ...] = get_args(AnyTask)
MESSAGES: tuple[type[msgspec.Struct], ...] = get_args(Message)

Schema = dict[str, Any]


def ref(kind: type[msgspec.Struct]) -> Schema:
    """Point to the schema of a struct."""
    return {"$ref": REF + kind.__name__}


def any_of(kinds: Iterable[type[msgspec.Struct]]) -> Schema:
    """Allow any of several structs."""
    return {"anyOf": [ref(kind) for kind in kinds]}


def components(edits: Iterable[type[Edit]]) -> dict[str, Schema]:
    """Describe everything that goes over the wire, by its name."""
    edits = tuple(edits)
    kinds = (
        *MESSAGES,
        *RESULTS,
        *edits,
        *(BoundingBox, Detection, TaskError, EditError, Done, Taken, Refused, State),
    )
    _, found = msgspec.json.schema_components(kinds, ref_template=REF + "{name}")
    schemas = {name: _ecma(schema) for name, schema in found.items()}
    for kind in MESSAGES:
        _describe_message(schemas[kind.__name__], kind)
    for edit in edits:
        _describe_edit(schemas[edit.__name__])
    for result, member in ((ImageResult, "image"), (MaskResult, "maskImage")):
        _describe_result(schemas[result.__name__], member)
    return schemas


def _ecma(schema: Any) -> Any:
    """Rewrite Python's anchors as those of ECMA 262, which JSON Schema uses."""
    if isinstance(schema, dict):
        return {
            name: value.replace(r"\A", "^").replace(r"\Z", "$")
            if name == "pattern"
            else _ecma(value)
            for name, value in schema.items()
        }
    return [_ecma(value) for value in schema] if isinstance(schema, list) else schema


def _describe_message(schema: Schema, kind: type[msgspec.Struct]) -> None:
    """Add what decoding allows beside the fields: groups, ignored members, letters of any case."""
    fields: Schema = schema["properties"]
    for field in fields.values():
        if field.get("enum") == ["JPG", "PNG", "WEBP"]:
            field["enum"] = ["JPG", "PNG", "WEBP", "jpg", "png", "webp"]
    schema["additionalProperties"] = False
    needed = schema["required"]
    choices = []
    for group, members in getattr(kind, "GROUPS", {}).items():
        inside = {inner: copy.deepcopy(fields[name]) for inner, name in members.items()}
        fields[group] = {
            "type": "object",
            "description": "The same as: " + ", ".join(members.values()),
            "properties": inside,
            "additionalProperties": False,
        }
        choices += [(group, inner, name) for inner, name in members.items() if name in needed]
    for name in sorted(getattr(kind, "IGNORED", ())):
        fields[name] = {"description": "Taken from clients that send it; has no effect here."}
    schema["required"] = [name for name in needed if name not in {name for *_, name in choices}]
    if choices:
        schema["allOf"] = [_once(*choice) for choice in choices]


def _once(group: str, inner: str, name: str) -> Schema:
    """Require a field at its own level or inside its group."""
    inside = {"required": [group], "properties": {group: {"required": [inner]}}}
    return {"oneOf": [{"required": [name]}, inside]}


def _describe_edit(schema: Schema) -> None:
    """Unknown members are ignored, and null is the same as nothing."""
    schema["additionalProperties"] = True
    for name, field in schema["properties"].items():
        if name not in schema["required"]:
            schema["properties"][name] = {"anyOf": [field, {"type": "null"}]}


def _describe_result(schema: Schema, member: str) -> None:
    """Add the picture that is put inside where it was asked for."""
    schema["properties"] |= {
        f"{member}Base64Data": {"type": "string", "contentEncoding": "base64"},
        f"{member}DataURI": {"type": "string", "pattern": "^data:image/"},
    }
    schema["properties"]["cost"] = {"type": "number", "minimum": 0, "description": "US dollars"}
