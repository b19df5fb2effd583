"""Frame bytes → JSON values: strict JSON (RFC 8259), not nested deeply, no key given twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from protocol.errors import (
    CutwireError,
    EmptyArray,
    InvalidJSON,
    InvalidParameter,
    InvalidRequest,
    TooManyTasks,
)
from protocol.words import clean, describe, quote

MAX_DEPTH = 32
LONG = 16 * 1024
"""Characters of a message that holds pictures, most likely."""

_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_VALUE = msgspec.json.Decoder()
_LAYOUTS = ((b",", b":"), (b", ", b": "))


def read_array(text: bytes | str, max_tasks: int) -> list[msgspec.Raw]:
    """Split a message into its elements.

    Raises:
        InvalidJSON: the text is not JSON.
        InvalidRequest, EmptyArray, TooManyTasks: the JSON is not what a message must be.
    """
    try:
        elements = _ELEMENTS.decode(text)
    except msgspec.ValidationError as exc:
        raise InvalidRequest(
            "A message must be a JSON array of task objects, such as "
            '[{"taskType": "ping", "ping": true}].'
        ) from exc
    except (msgspec.DecodeError, UnicodeError) as exc:
        raise InvalidJSON(f"The message is not valid JSON: {_plain_reason(exc)}.") from exc
    except RecursionError as exc:
        raise too_deep_error() from exc
    if not elements:
        raise EmptyArray("The array is empty; send at least one task.")
    if len(elements) > max_tasks:
        raise TooManyTasks(
            f"The array holds {len(elements)} tasks; at most {max_tasks} are allowed in one "
            "message, and none of these was taken."
        )
    return elements


def read_object(text: bytes) -> dict[str, Any]:
    """Decode a body that must be one JSON object.

    Raises:
        InvalidJSON: the text is not JSON, or nests too deeply.
        InvalidRequest: the JSON is not an object.
        InvalidParameter: a key is given twice.
    """
    raw = msgspec.Raw(text)
    members = read_value(raw)
    if not isinstance(members, dict):
        raise InvalidRequest(f"The body must be a JSON object, not {describe(members)}.")
    if is_too_deep(members):
        raise too_deep_error()
    repeated = repeated_key(raw)
    if repeated is not None:
        raise repeated_key_error(repeated)
    return members


def read_value(raw: msgspec.Raw) -> Any:
    """Decode one element whole.

    Raises:
        InvalidJSON: its text is not JSON after all, or nests too deeply to be read.
    """
    try:
        try:
            return _VALUE.decode(raw)
        except msgspec.ValidationError:
            # A number too large for a double: read as infinity, which every field refuses by name.
            return json.loads(_text_of(raw), parse_int=float)
    except (msgspec.DecodeError, UnicodeError) as exc:
        raise InvalidJSON(f"The message is not valid JSON: {_plain_reason(exc)}.") from exc
    except RecursionError as exc:
        raise too_deep_error() from exc


def has_distinct_keys(text: bytes | str, elements: Sequence[Mapping[str, Any]]) -> bool:
    """Tell of a message whose elements hold no objects that none of them gives a key twice.

    The text has two quotes for each key and for each string; a key that decoding dropped, because
    it came again, brings two more. An escaped quote does so too: that is taken for a repetition
    here, and a closer look finds out.
    """
    values = chain.from_iterable(element.values() for element in elements)
    strings = [*map(type, values)].count(str)
    return _has_quotes(text, 2 * (sum(map(len, elements)) + strings))


def _has_quotes(text: bytes | str, count: int) -> bool:
    """Tell whether a text has just so many quotes."""
    quote: Any = '"' if isinstance(text, str) else b'"'
    if len(text) < LONG:
        return text.count(quote) == count
    found, place = 0, text.find(quote)
    while place >= 0 and found <= count:  # far faster than count where quotes are far apart
        found, place = found + 1, text.find(quote, place + 1)
    return found == count


def repeated_key(raw: msgspec.Raw) -> str | None:
    """Name a key that an object gives twice, at its own level or below.

    A compact object, and one as Python's json module writes it, is just what its distinct members
    make when written again; only another one needs the slow look.
    """
    text = _text_of(raw)
    if _has_only_distinct_keys(text):
        return None
    try:
        json.loads(text, object_pairs_hook=_distinct_pairs, parse_int=float)
    except _RepeatedKeyError as found:
        return found.key
    return None


def repeated_key_error(key: str) -> CutwireError:
    """Describe a key that was given twice."""
    return InvalidParameter(
        f"{quote(key)} is given twice in one object; give it once.", parameter=clean(key)
    )


def _has_only_distinct_keys(text: bytes) -> bool:
    """Tell whether an object is in a usual layout and gives no key twice, at any level."""
    members = {key: _text_of(value) for key, value in _MEMBERS.decode(text).items()}
    return all(map(_is_distinct_content, members.values())) and any(
        _is_written_as(text, members, comma, colon) for comma, colon in _LAYOUTS
    )


def _is_distinct_content(content: bytes) -> bool:
    if content.startswith(b"{"):
        return _has_only_distinct_keys(content)
    return not (content.startswith(b"[") and b"{" in content)


def _is_written_as(text: bytes, members: dict[str, bytes], comma: bytes, colon: bytes) -> bool:
    place = 1
    for key, content in members.items():
        head = b'%s"%s"%s' % (comma if place > 1 else b"", key.encode(), colon)
        if not text.startswith(head, place) or not text.startswith(content, place + len(head)):
            return False
        place += len(head) + len(content)
    return place == len(text) - 1


class _RepeatedKeyError(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _distinct_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise _RepeatedKeyError(key)
        members[key] = value
    return members


def is_too_deep(value: Any) -> bool:
    """Tell whether a value nests deeper than a message may."""
    level = [value] if isinstance(value, dict | list) else []
    depth = 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
    return depth > MAX_DEPTH


def too_deep_error() -> CutwireError:
    """Describe a value that nests too deeply."""
    return InvalidJSON(f"The message nests deeper than the {MAX_DEPTH} levels allowed.")


def _plain_reason(exc: Exception) -> str:
    if isinstance(exc, UnicodeError):
        return "it is not UTF-8"
    return str(exc).removeprefix("JSON is malformed: ").rstrip(".") or "it cannot be read"


def _text_of(raw: msgspec.Raw) -> bytes:
    return bytes(memoryview(raw))
