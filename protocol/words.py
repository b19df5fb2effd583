"""How values from outside are shown in messages: short, and without control characters."""

from __future__ import annotations

import json
from typing import Any

_JSON_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a number"),
    (str, "a string"),
    (list, "an array"),
    (dict, "an object"),
)

MAX_SHOWN = 8


def clean(text: str, limit: int = 64) -> str:
    """Shorten a text and replace what is not printable."""
    shown = "".join(char if char.isprintable() else "·" for char in text[:limit])
    return shown + "…" if len(text) > limit else shown


def quote(text: str, limit: int = 64) -> str:
    """Show a text from outside between quotation marks."""
    return f'"{clean(text, limit)}"'


def describe(value: Any) -> str:
    """Say what a JSON value is: `null`, `a string "abc"`, `an integer 7`."""
    if value is None:
        return "null"
    name = next((name for kind, name in _JSON_TYPES if isinstance(value, kind)), "a value")
    if isinstance(value, bool):
        return f"{name} {str(value).lower()}"
    if isinstance(value, int | float):
        return f"{name} {clean(repr(value), 24)}"
    if isinstance(value, str):
        return f"{name} {quote(value, 40)}"
    if isinstance(value, list):
        return f"{name} of {len(value)}" if len(value) > MAX_SHOWN else f"{name} {_compact(value)}"
    return name


def _compact(value: list[Any]) -> str:
    return clean(json.dumps(value, separators=(", ", ": ")), 60)


def listed(values: list[Any] | tuple[Any, ...]) -> str:
    """Join values for a sentence: `PNG, JPG or WEBP`."""
    words = [str(value) for value in values]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]
