"""How are settings read? Defaults < TOML < environment < command line; typed, unknown keys refused.

Settings are frozen msgspec structs, nested: a field that is a struct is a section, any other field
is a value. A list or a table of values is one value: a later source replaces it whole.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec
from msgspec import NODEFAULT, Struct, inspect
from msgspec.structs import FieldInfo, fields

PREFIX: Final = "CUTWIRE_"
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

T = TypeVar("T", bound=Struct)
Key = tuple[str, ...]
_JSON_KINDS: Final = (
    inspect.ListType,
    inspect.DictType,
    inspect.SetType,
    inspect.FrozenSetType,
    inspect.TupleType,
    inspect.VarTupleType,
)
_PLAIN_KINDS: Final[Mapping[type[inspect.Type], str]] = MappingProxyType(
    {
        inspect.BoolType: "true or false",
        inspect.StrType: "a text",
        inspect.CustomType: "a text",  # Secret and Path
        inspect.DecimalType: "a decimal number",
        inspect.DictType: "a table (JSON in an environment variable)",
        inspect.StructType: "a table",
    }
)


class SettingsError(Exception):
    """The settings are wrong; the message names the key, its source and what is allowed."""


class Secret:
    """A text that neither `str` nor `repr` shows. No dataclass: msgspec would encode its fields."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text."""
        return self._text

    def __bool__(self) -> bool:
        """Say whether there is a text."""
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other.reveal().encode())

    def __hash__(self) -> int:
        """Hash as the text does."""
        return hash(self._text)

    def __repr__(self) -> str:
        """Hide the text; `str` comes here too."""
        return "Secret(…)"


@dataclass(frozen=True, slots=True)
class _Value:
    """One value as a source gave it; `may_be_text`: a text may stand for a number and so on."""

    key: Key
    raw: Any
    source: str
    may_be_text: bool = True

    @property
    def is_text(self) -> bool:
        return self.may_be_text and isinstance(self.raw, str)


def load_settings(
    kind: type[T],
    *,
    file: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any] = _NOTHING,
) -> T:
    """Build the settings from all sources; raises SettingsError.

    `overrides` is nested like the settings; texts in it are read as those of the environment.
    """
    given: list[_Value] = []
    if file is not None:
        read = _leaves(kind, (), _read_toml(file), f"file {file}")
        given += [replace(value, may_be_text=False) for value in read]
    given += _environment(environ)
    given += _leaves(kind, (), overrides, "command line")
    found = {value.key: _convert(_field(kind, value), value) for value in given}
    return _build(kind, found, (), None)


def _read_toml(file: Path) -> dict[str, Any]:
    import tomllib  # few have a file

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise SettingsError(f"the settings file {file} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:  # TOMLDecodeError and UnicodeDecodeError
        raise SettingsError(f"the settings file {file} is not TOML: {exc}") from exc


def _environment(environ: Mapping[str, str]) -> Iterator[_Value]:
    for name in sorted(environ):
        if name.startswith(PREFIX):
            key = tuple(name.removeprefix(PREFIX).lower().split("__"))
            yield _Value(key, environ[name], f"environment variable {name}")


def _leaves(
    kind: type[Struct], above: Key, given: Mapping[str, Any], source: str
) -> Iterator[_Value]:
    """Walk a nested mapping down to its values; what is no section is left to be judged later."""
    sections = {field.name: _section(field) for field in fields(kind)}
    for name, raw in given.items():
        section = sections.get(name)
        if section is not None and isinstance(raw, Mapping):
            yield from _leaves(section, (*above, name), raw, source)
        else:
            yield _Value((*above, name), raw, source)


def _section(field: FieldInfo) -> type[Struct] | None:
    """Give the struct of a field that is a section, optional ones included."""
    kinds = _alternatives(inspect.type_info(field.type))
    structs = [each.cls for each in kinds if isinstance(each, inspect.StructType)]
    return structs[0] if len(structs) == 1 else None


def _alternatives(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _field(kind: type[Struct], value: _Value) -> FieldInfo:
    """Find the field that a key names; raises SettingsError for an unknown key or a section."""
    here, *below = value.key
    inside: type[Struct] | None = kind
    while inside is not None:
        known = {field.name: field for field in fields(inside)}
        if here not in known:
            raise _unknown(value, known, [".".join(key) for key in _all_keys(kind, ())])
        inside = _section(known[here])
        if inside is None and not below:
            return known[here]
        if not below:
            break
        here, *below = below
    what = "holds no keys of its own" if inside is None else "is a section: set the keys inside it"
    raise SettingsError(f"{'.'.join(value.key)} ({value.source}) {what}")


def _all_keys(kind: type[Struct], above: Key) -> Iterator[Key]:
    for field in fields(kind):
        section = _section(field)
        if section is None:
            yield (*above, field.name)
        else:
            yield from _all_keys(section, (*above, field.name))


def _unknown(value: _Value, here: Iterable[str], everywhere: list[str]) -> SettingsError:
    import difflib

    name = ".".join(value.key)
    close = difflib.get_close_matches(name, everywhere, n=3)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return SettingsError(
        f"unknown key {name!r} ({value.source}); {hint}allowed here: {', '.join(sorted(here))}"
    )


def _convert(field: FieldInfo, value: _Value) -> Any:
    kind = inspect.type_info(field.type)
    try:
        raw = _parse_text(value.raw, kind) if value.is_text else value.raw
        _check_inside(raw, kind, value)
        return msgspec.convert(raw, field.type, strict=not value.is_text, dec_hook=_from_text)
    except (msgspec.ValidationError, msgspec.DecodeError) as exc:
        name = ".".join(value.key)
        raise SettingsError(f"{name} ({value.source}): {exc}; allowed: {_allowed(kind)}") from exc


def _parse_text(text: str, kind: inspect.Type) -> Any:
    """Read JSON where a list or a table is wanted; leave any other text to the conversion."""
    if any(isinstance(each, _JSON_KINDS) for each in _alternatives(kind)):
        return msgspec.json.decode(text)
    return text


def _from_text(kind: type, raw: Any) -> Any:
    if kind in (Secret, Path) and isinstance(raw, str):
        return kind(raw)
    raise ValueError("Expected a text")


def _check_inside(raw: Any, kind: inspect.Type, value: _Value) -> None:
    """Refuse unknown keys of structs that lie in lists and tables."""
    for each in _alternatives(kind):
        if isinstance(each, inspect.StructType) and isinstance(raw, dict):
            known = [field.name for field in each.fields]
            for name in raw.keys() - set(known):
                raise _unknown(_below(value, name), known, [])
        for name, item, inner in _parts(raw, each):
            _check_inside(item, inner, _below(value, name))


def _parts(raw: Any, kind: inspect.Type) -> Iterator[tuple[str, Any, inspect.Type]]:
    if isinstance(raw, list) and isinstance(kind, inspect.ListType | inspect.VarTupleType):
        yield from ((str(place), item, kind.item_type) for place, item in enumerate(raw))
    elif isinstance(raw, dict) and isinstance(kind, inspect.DictType):
        yield from ((name, item, kind.value_type) for name, item in raw.items())
    elif isinstance(raw, dict) and isinstance(kind, inspect.StructType):
        yield from (
            (each.name, raw[each.name], each.type) for each in kind.fields if each.name in raw
        )


def _below(value: _Value, name: str) -> _Value:
    return _Value((*value.key, name), None, value.source)


def _allowed(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.UnionType):
        return " or ".join(_allowed(each) for each in kind.types)
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(map(str, kind.values))
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return f"a list (JSON in an environment variable), each {_allowed(kind.item_type)}"
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        noun = "an integer" if isinstance(kind, inspect.IntType) else "a number"
        ends = (("above", kind.gt), ("at least", kind.ge), ("below", kind.lt), ("at most", kind.le))
        told = " and ".join(f"{word} {end}" for word, end in ends if end is not None)
        return f"{noun}, {told}" if told else noun
    return _PLAIN_KINDS.get(type(kind), type(kind).__name__.removesuffix("Type").lower())


def _build(kind: type[T], found: Mapping[Key, Any], above: Key, base: Struct | None) -> T:
    """Make a struct from the values found; the rest comes from `base`, else from the defaults."""
    values: dict[str, Any] = {}
    for field in fields(kind):
        key = (*above, field.name)
        default = _default(field) if base is None else getattr(base, field.name)
        section = _section(field)
        is_given = any(each[: len(key)] == key for each in found)
        if section is not None and (is_given or default is NODEFAULT):
            default = default if isinstance(default, Struct) else None
            values[field.name] = _build(section, found, key, default)
        else:
            values[field.name] = found.get(key, default)
        if values[field.name] is NODEFAULT:
            name = PREFIX + "__".join(key).upper()
            raise SettingsError(f"{'.'.join(key)} is missing; set it in the file or as {name}")
    try:
        return kind(**values)
    except ValueError as exc:  # from a __post_init__
        raise SettingsError(f"{'.'.join(above) or 'settings'}: {exc}") from exc


def _default(field: FieldInfo) -> Any:
    if field.default is NODEFAULT and field.default_factory is not NODEFAULT:
        return field.default_factory()
    return field.default
