"""The parameters of a task type as options of the command line, and back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import NODEFAULT, UNSET

from protocol.constraints import constraint_of
from protocol.decoding import Failed, decode_message
from protocol.tasks import JobTask, PictureTask

TASKS: dict[str, type[PictureTask]] = {
    str(kind.__struct_config__.tag): kind
    for kind in get_args(JobTask)
    if issubclass(kind, PictureTask)
}
"""What can be done to a file: taskType → struct."""

MASK = "maskImage"
_NOT_FOR_FILES = {
    "taskUUID",
    "inputImage",
    MASK,
    "outputType",
    "includeCost",
    "deliveryMethod",
    "numberResults",
    "webhookURL",
    "uploadEndpoint",
    "ttl",
    "safety",
}
"""Parameters that say how a service delivers, and those that are files here."""

_TOLD = {
    "model": "a name that `cutwire models list` shows",
    "rgba": "background colour, such as 255,255,255,1",
    "sku": "your own number of the product",
}
"""Parameters of which their type says little."""


def add_options(parser: argparse.ArgumentParser, kind: type[PictureTask]) -> None:
    """Add an option for each parameter, with its default and what is allowed."""
    group = parser.add_argument_group("parameters of the task")
    for field in msgspec.structs.fields(kind):
        if field.encode_name in _NOT_FOR_FILES:
            continue
        is_switch = field.type is bool
        how: dict[str, Any] = (
            {"action": argparse.BooleanOptionalAction} if is_switch else {"metavar": "VALUE"}
        )
        group.add_argument(
            option_name(field.encode_name), dest=field.encode_name, help=_help(field), **how
        )
    if MASK in {field.encode_name for field in msgspec.structs.fields(kind)}:
        group.add_argument(
            "--mask",
            type=Path,
            required=True,
            metavar="FILE",
            help="white is erased; or a folder with a mask of each picture's name",
        )


def members(options: argparse.Namespace, kind: type[PictureTask]) -> dict[str, Any]:
    """Collect the parameters that were given, as members of a task.

    Raises:
        CutwireError: one of them is not allowed; says which, and what is.
    """
    given: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        value = getattr(options, field.encode_name, None)
        if value is not None:
            given[field.encode_name] = _value(field, value) if isinstance(value, str) else value
    probe = given | {
        "taskType": str(kind.__struct_config__.tag),
        "taskUUID": "00000000-0000-4000-8000-000000000000",
        "inputImage": "file",
    }
    if hasattr(options, "mask"):
        probe[MASK] = "file"
    (element,) = decode_message(msgspec.json.encode([probe]), max_tasks=1)
    if isinstance(element, Failed):
        raise element.error
    return given


def option_name(wire_name: str) -> str:
    """Turn `alphaMatting` into `--alpha-matting`."""
    return "--" + "".join(f"-{char.lower()}" if char.isupper() else char for char in wire_name)


def _value(field: msgspec.structs.FieldInfo, text: str) -> Any:
    """Read what a parameter's type wants of a word: `0042` as a string, `0,0,0,1` as an array."""
    kind = constraint_of(field).type
    if kind == "string":
        return text
    try:
        return msgspec.json.decode(f"[{text}]" if kind == "array" and text[:1] != "[" else text)
    except msgspec.DecodeError:
        return text


def _help(field: msgspec.structs.FieldInfo) -> str:
    allowed = constraint_of(field)
    if field.encode_name in _TOLD:
        return _TOLD[field.encode_name]
    if allowed.allowed_values:
        told = ", ".join(map(str, allowed.allowed_values))
    elif allowed.min is not None or allowed.max is not None:
        told = f"{allowed.type}, {allowed.min} to {allowed.max}"
    elif allowed.type == "boolean":
        return f"default: {'on' if field.default else 'off'}"
    else:
        told = allowed.type or "value"
    is_open = field.default in (NODEFAULT, UNSET)
    return told if is_open else f"{told} (default: {field.default})"
