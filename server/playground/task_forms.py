"""What can be filled in for each task: read off the structs, so that a new task has its form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
from msgspec import NODEFAULT, inspect

from inference.coding import PictureLimits
from inference.models import Catalogue
from inference.models.catalogue import EMBEDDED_FILL
from protocol.tasks import JobTask, PictureTask, Task

Json = dict[str, Any]

LEFT_OUT = frozenset({"taskUUID", "deliveryMethod", "numberResults"})
"""What the page decides itself: it names its tasks and waits for each result."""


def describe_tasks(models: Catalogue, pictures: PictureLimits, *, message_bytes: int) -> Json:
    """Describe every task that works on a picture, which models are here, and what is the most."""
    return {
        "tasks": [_task(kind) for kind in _kinds()],
        "models": {
            "segment": [row.name for row in models.available("segment")],
            "inpaint": [EMBEDDED_FILL, *(row.name for row in models.available("inpaint"))],
        },
        "limits": {"pictureBytes": pictures.limit_bytes, "messageBytes": message_bytes},
    }


def _kinds() -> Iterator[type[PictureTask]]:
    """Yield each picture task once: a struct built on another task is that task by another name."""
    kinds = set(get_args(JobTask))
    for kind in get_args(JobTask):
        if issubclass(kind, PictureTask) and not kinds & set(kind.__mro__[1:]):
            yield kind


def _task(kind: type[PictureTask]) -> Json:
    return {
        "taskType": kind.__struct_config__.tag,
        "modelKind": kind.MODEL_KIND,
        "fields": list(_fields(kind)),
    }


def _fields(kind: type[Task | msgspec.Struct], path: str = "") -> Iterator[Json]:
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    for field in described.fields:
        name = path + field.encode_name
        of = _bare(field.type)
        if isinstance(of, inspect.StructType):
            yield from _fields(of.cls, f"{name}.")
        elif name not in LEFT_OUT:
            default = None if field.default is NODEFAULT else field.default
            told = {"name": name, "isRequired": field.required, "default": default, **_form(of)}
            yield {key: value for key, value in told.items() if value is not None}


def _bare(of: inspect.Type) -> inspect.Type:
    """Take off what says more about a type, and the alternative of leaving the field out."""
    if isinstance(of, inspect.Metadata):
        return _bare(of.type)
    return of


def _form(of: inspect.Type) -> Json:
    match of:
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.IntType() | inspect.FloatType():
            name = "integer" if isinstance(of, inspect.IntType) else "number"
            return {"type": name, "min": of.ge, "max": of.le}
        case inspect.LiteralType():
            return {"type": "choice", "choices": of.values}
        case inspect.TupleType():
            return {"type": "colour"}
        case _:
            return {"type": "string", "maxLength": getattr(of, "max_length", None)}
