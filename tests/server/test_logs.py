"""A log entry is one line, whatever is in it: nobody writes entries of their own into the log."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.logs import JsonFormatter, PlainFormatter

HOSTILE = "a\r\nERROR forged\x00\x1b[2J\x7f\x9b1m\u2028\u202e\ud800é"
FORMATTERS = [JsonFormatter(), PlainFormatter()]


def line(formatter: logging.Formatter, message: str, **extra: Any) -> str:
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": "test"} | extra)
    return formatter.format(record)


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["json", "plain"])
@pytest.mark.parametrize("place", ["message", "extra"])
def test_hostile_text_stays_in_its_line(formatter: logging.Formatter, place: str) -> None:
    told = line(formatter, HOSTILE) if place == "message" else line(formatter, "x", detail=HOSTILE)
    assert told.isprintable()
    assert told.isascii()


@given(st.text(st.characters()), st.text(st.characters()))
def test_any_text_is_one_line_of_json_that_says_it(message: str, detail: str) -> None:
    told = line(JsonFormatter(), message, detail=detail)
    assert told.isprintable()
    entry = json.loads(told)
    assert (entry["message"], entry["detail"]) == (message, detail)


@given(st.text(st.characters()), st.text(st.characters()))
def test_any_text_is_one_plain_line(message: str, detail: str) -> None:
    assert line(PlainFormatter(), message, detail=detail).isprintable()


def test_values_that_json_does_not_know_are_told_as_text() -> None:
    assert json.loads(line(JsonFormatter(), "é", what={1, 2}.__class__))["what"] == str(set)


def test_exception_in_plain_forges_no_entry() -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        told = line(PlainFormatter(), "failed", exc_info=sys.exc_info())
    entry, *trace = told.split("\n")
    assert entry.endswith("failed")
    assert all(each.startswith("  ") and each.isprintable() and each.isascii() for each in trace)
    assert len(trace) > 2
