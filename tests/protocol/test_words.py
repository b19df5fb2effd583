"""How values from outside are shown: short, and harmless to a terminal or a log."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.words import clean, describe, listed, quote


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\n", "\x7f", "\x9b", "\u202e", "\ud800"])
def test_char_that_is_not_printable_is_replaced(char: str) -> None:
    assert clean(f"a{char}b") == "a·b"


def test_long_text_is_cut() -> None:
    assert clean("x" * 100, limit=5) == "xxxxx…"


def test_text_that_fits_is_left_whole() -> None:
    assert clean("xxxxx", limit=5) == "xxxxx"


def test_quoted_text_stands_between_marks() -> None:
    assert quote("a\x00") == '"a·"'


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "a boolean true"),
        (7, "an integer 7"),
        (1.5, "a number 1.5"),
        (float("inf"), "a number inf"),
        ("abc", 'a string "abc"'),
        ("", 'a string ""'),
        ([1, "x"], 'an array [1, "x"]'),
        ([0] * 9, "an array of 9"),
        ({"a": 1}, "an object"),
    ],
)
def test_value_is_described_by_its_json_type(value: Any, words: str) -> None:
    assert describe(value) == words


@pytest.mark.parametrize("value", ["x" * 10_000, 10**400, ["x" * 10_000], [[0] * 10_000]])
def test_description_is_short(value: Any) -> None:
    assert len(describe(value)) < 100


@pytest.mark.parametrize(
    ("values", "sentence"),
    [(["PNG"], "PNG"), (["PNG", "JPG"], "PNG or JPG"), (["a", "b", "c"], "a, b or c")],
)
def test_values_are_listed_as_in_a_sentence(values: list[str], sentence: str) -> None:
    assert listed(values) == sentence
