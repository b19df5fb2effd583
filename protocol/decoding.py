"""Frame bytes → a message or an error for each element; a bad one spoils no neighbour."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, cast, get_args

import msgspec

from protocol.constraints import check_value, constraint_of, unknown_member_error
from protocol.errors import (
    ConflictingTask,
    Constraint,
    CutwireError,
    InvalidParameter,
    InvalidRequest,
    MissingParameter,
    UnknownParameter,
    UnsupportedParameter,
)
from protocol.json_text import (
    has_distinct_keys,
    is_too_deep,
    read_array,
    read_value,
    repeated_key,
    repeated_key_error,
    too_deep_error,
)
from protocol.tasks import JOB_TASKS, Authentication, Message, Ping, Task
from protocol.words import clean, describe, quote

MAX_ECHO = 64

_VALUES = msgspec.json.Decoder(list[dict[str, Any]])
_STRUCTS: dict[str, type[Message]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(Message)
}
_WITHOUT_UUID = {name for name, kind in _STRUCTS.items() if not issubclass(kind, Task)}
"""Task types whose replies carry no taskUUID: clients match them by their type."""
_FIELDS = {
    kind: {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for kind in _STRUCTS.values()
}
_PLAIN = {kind: fields.keys() - {"safety"} | {"taskType"} for kind, fields in _FIELDS.items()}
"""The members of an element that holds no object."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An element that cannot be taken, with what is known of it."""

    error: CutwireError
    task_type: str | None = None
    task_uuid: str | None = None


Element = Authentication | Ping | Task | Failed


def task_types() -> list[str]:
    """List every taskType that is understood."""
    return sorted(_STRUCTS)


def decode_message(text: bytes | str, *, max_tasks: int) -> list[Element]:
    """Decode a WebSocket frame or an HTTP body, element by element.

    Raises:
        MessageError: the message as a whole cannot be taken.
    """
    elements = _decode_plain(text, max_tasks)
    if elements is None:
        read = [(raw, read_value(raw)) for raw in read_array(text, max_tasks)]
        elements = [_decode_element(raw, value) for raw, value in read]
    return elements if len(elements) == 1 else _refuse_repeats(elements)


def _decode_plain(text: bytes | str, max_tasks: int) -> list[Element] | None:
    """Decode what nearly every client sends: flat, all of it right; None: take a closer look."""
    try:
        values = _VALUES.decode(text)
        if not 0 < len(values) <= max_tasks or not has_distinct_keys(text, values):
            return None
        elements: list[Element] = []
        for members in values:
            tag = members.get("taskType")
            kind = _STRUCTS.get(tag) if isinstance(tag, str) else None
            if kind is None or not _PLAIN[kind].issuperset(members):
                return None
            message = msgspec.convert(members, kind)
            if isinstance(message, Task):
                elements.append(_checked(message, members.keys()))
            else:
                elements.append(message)
        return elements
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _checked(task: Task, given: AbstractSet[str]) -> Task | Failed:
    try:
        task.check(given)
    except CutwireError as error:
        return Failed(error, task.task_type, task.task_uuid)
    return task


def _decode_element(raw: msgspec.Raw, value: Any) -> Element:
    if not isinstance(value, dict):
        return Failed(
            InvalidRequest(
                f"Each element of the array must be a task object, not {describe(value)}."
            )
        )
    task_type, task_uuid = _echo(value.get("taskType")), _echo(value.get("taskUUID"))
    if task_type in _WITHOUT_UUID:
        task_uuid = None
    try:
        if is_too_deep(value):
            raise too_deep_error()
        repeated = repeated_key(raw)
        if repeated is not None:
            raise repeated_key_error(repeated)
        return _build(_find_struct(value), value)
    except CutwireError as error:
        return Failed(error, task_type, task_uuid)


def _find_struct(members: dict[str, Any]) -> type[Message]:
    allowed = Constraint(type="string", allowed_values=list(task_types()))
    if "taskType" not in members:
        raise MissingParameter("taskType is missing.", parameter="taskType", constraint=allowed)
    name = members["taskType"]
    if not isinstance(name, str):
        raise InvalidParameter(
            f"taskType must be a string, not {describe(name)}.",
            parameter="taskType",
            constraint=allowed,
        )
    if name not in _STRUCTS:
        raise UnsupportedParameter(
            f"taskType {quote(name)} is not supported.",
            parameter="taskType",
            constraint=allowed,
        )
    return _STRUCTS[name]


def _build(kind: type[Message], members: dict[str, Any]) -> Message:
    fields = _FIELDS[kind]
    given = _flatten(kind, members)
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in given:
            values[field.name] = check_value(field, given[name])
        elif field.required:
            raise MissingParameter(
                f"{name} is missing.", parameter=name, constraint=constraint_of(field)
            )
    unknown = next((name for name in given if name not in fields), None)
    if unknown is not None:
        raise UnknownParameter(
            f"{quote(unknown)} is not a parameter of {members['taskType']}.",
            parameter=clean(unknown),
            constraint=Constraint(allowed_values=sorted(fields)),
        )
    message = kind(**values)
    if isinstance(message, Task):
        message.check(given.keys())
    return message


def _flatten(kind: type[Message], members: dict[str, Any]) -> dict[str, Any]:
    """Bring the members of `settings` and `inputs` up to the task's own level."""
    groups = getattr(kind, "GROUPS", {})
    ignored = getattr(kind, "IGNORED", frozenset({"taskUUID"}))
    flat = {
        name: value
        for name, value in members.items()
        if name != "taskType" and name not in ignored and name not in groups
    }
    for group, names in groups.items():
        if group not in members:
            continue
        for inner, name, value in _group_members(group, names, members[group]):
            if name in flat:
                raise InvalidParameter(
                    f"{name} is given twice: as {name} and as {group}.{inner}.",
                    parameter=name,
                )
            flat[name] = value
    return flat


def _group_members(group: str, names: dict[str, str], value: Any) -> Iterator[tuple[str, str, Any]]:
    if not isinstance(value, dict):
        raise InvalidParameter(
            f"{group} must be an object, not {describe(value)}.",
            parameter=group,
            constraint=Constraint(type="object"),
        )
    for inner, content in value.items():
        if inner not in names:
            raise unknown_member_error(inner, group, names)
        yield inner, names[inner], content


def _refuse_repeats(elements: list[Element]) -> list[Element]:
    """Refuse a task whose taskUUID came before in the message."""
    tasks = cast("list[Task]", elements)
    uuids = [task.task_uuid.lower() for task in tasks if type(task) in JOB_TASKS]
    if len({*uuids}) == len(uuids):
        return elements
    seen: set[str] = set()
    for place, task in enumerate(tasks):
        if type(task) not in JOB_TASKS:
            continue
        key = task.task_uuid.lower()
        if key in seen:
            elements[place] = Failed(repeated_task_error(), task.task_type, task.task_uuid)
        seen.add(key)
    return elements


def repeated_task_error() -> ConflictingTask:
    """Say that a taskUUID was used before."""
    return ConflictingTask(
        "This taskUUID was already used; ask for its result with getResponse, or send a new UUID.",
        parameter="taskUUID",
    )


def _echo(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_ECHO else None
