"""A field's Python type → what the error object says is allowed, and the value, checked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from protocol.errors import Constraint, InvalidParameter, Scalar, UnknownParameter
from protocol.words import clean, describe, listed, quote

_JSON_NAMES: dict[type, str] = {
    inspect.StrType: "string",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.LiteralType: "string",
    inspect.TupleType: "array",
    inspect.ListType: "array",
    inspect.StructType: "object",
    inspect.DictType: "object",
}


def check_value(field: msgspec.structs.FieldInfo, value: Any, *, inside: str = "") -> Any:
    """Return the value as the field's type wants it; `inside` is the object it was found in.

    Raises:
        InvalidParameter: the value has the wrong type, range or form.
        UnknownParameter: the value is an object with a member that nobody knows.
    """
    kind, marks = _unwrapped(field.type)
    if marks.get("any_case") and isinstance(value, str):
        value = value.upper()
    name = f"{inside}.{field.encode_name}" if inside else field.encode_name
    if isinstance(kind, inspect.StructType) and isinstance(value, dict):
        _check_members(kind, value, name)
    try:
        return msgspec.convert(value, field.type)
    except msgspec.ValidationError as exc:
        given = "what was sent" if marks.get("is_secret") else describe(value)
        message = f"{name} must be {_wording(field)}, not {given}."
        raise InvalidParameter(
            message, parameter=name, constraint=constraint_of(field), detail=str(exc)
        ) from exc


def unknown_member_error(member: str, group: str, known: Iterable[str]) -> UnknownParameter:
    """Describe a member of an object that nobody knows."""
    return UnknownParameter(
        f"{quote(member)} is not a member of {group}.",
        parameter=f"{group}.{clean(member)}",
        constraint=Constraint(allowed_values=sorted(known)),
    )


def _check_members(kind: inspect.StructType, members: dict[str, Any], name: str) -> None:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind.cls)}
    for member, value in members.items():
        if member not in fields:
            raise unknown_member_error(member, name, fields)
        check_value(fields[member], value, inside=name)


def _choices(kind: inspect.Type) -> list[Scalar] | None:
    if not isinstance(kind, inspect.LiteralType):
        return None
    return [value for value in kind.values if value is not None]


def constraint_of(field: msgspec.structs.FieldInfo) -> Constraint:
    """Tell a field's type, range, default and choices."""
    kind, _ = _unwrapped(field.type)
    simple_default = isinstance(field.default, str | int | float | bool)
    return Constraint(
        type=_JSON_NAMES.get(type(kind)),
        min=getattr(kind, "ge", None),
        max=getattr(kind, "le", None),
        default=field.default if simple_default else None,
        allowed_values=_choices(kind),
    )


def _wording(field: msgspec.structs.FieldInfo) -> str:
    kind, _ = _unwrapped(field.type)
    if isinstance(kind, inspect.LiteralType):
        return listed(kind.values)
    told = _description(field.type)
    if told:
        return f"{'an' if told[0] in 'aeiou' else 'a'} {told}"
    if isinstance(kind, inspect.StrType) and kind.max_length:
        return f"a string of {kind.min_length or 0} to {kind.max_length} characters"
    return _range(kind)


def _range(kind: inspect.Type) -> str:
    name = _JSON_NAMES.get(type(kind), "value")
    article = "an" if name[0] in "aeiou" else "a"
    low, high = getattr(kind, "ge", None), getattr(kind, "le", None)
    if low is None and high is None:
        return f"{article} {name}"
    return f"{article} {name} from {low} to {high}"


def _description(annotation: Any) -> str:
    told = inspect.type_info(_without_unset(annotation))
    if isinstance(told, inspect.Metadata):
        return str((told.extra_json_schema or {}).get("description", ""))
    return ""


@lru_cache(maxsize=256)
def _unwrapped(annotation: Any) -> tuple[inspect.Type, dict[str, Any]]:
    """Return the bare type, and how the annotation marks it: `any_case`, `is_secret`."""
    kind = inspect.type_info(_without_unset(annotation))
    if isinstance(kind, inspect.Metadata):
        return kind.type, kind.extra or {}
    return kind, {}


def _without_unset(annotation: Any) -> Any:
    members = [
        kind for kind in getattr(annotation, "__args__", ()) if kind is not msgspec.UnsetType
    ]
    is_optional = len(members) == 1 and msgspec.UnsetType in annotation.__args__
    return members[0] if is_optional else annotation
