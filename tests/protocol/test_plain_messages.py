"""The short way through decoding, for messages as nearly all clients send them, is the long one."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from fakes import uuid_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire import MAX_TASKS, task

from protocol.decoding import Element, Failed, decode_message, task_types

_members = st.dictionaries(
    st.sampled_from(
        ["inputImage", "maskImage", "image", "rgba", "ttl", "model", "outputFormat", "outputType",
         "outputQuality", "numberResults", "alphaMatting", "alphaMattingForegroundThreshold",
         "alphaMattingBackgroundThreshold", "includeCost", "scale", "padding", "confidence",
         "webhookURL", "safety", "settings", "apiKey", "ping", "strange"]
    ),
    st.none() | st.booleans() | st.integers(-5, 300) | st.sampled_from(
        [0.5, 1.0, 250.0, 1e400, "", "PNG", "png", "URL", "x", "http://a.test/", [1, 2, 3, 1],
         [1, 2, 3, 0.5], [1.0, 2, 3, 4], {}, {"rgba": [1, 2, 3, 1]}, {"mode": "x"}]
    ),
    max_size=4,
)  # fmt: skip


def read(text: str) -> list[Element]:
    return decode_message(text, max_tasks=MAX_TASKS)


def facts(element: Element) -> Any:
    if not isinstance(element, Failed):
        return type(element), msgspec.to_builtins(element)
    error = element.error
    told = type(error), error.message, error.parameter, error.constraint
    return told, element.task_type, element.task_uuid


@settings(
    database=None, deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.sampled_from(task_types()), _members, st.booleans())
def test_plain_message_is_read_as_one_beside_an_odd_neighbour_is(
    kind: str, members: dict[str, Any], is_compact: bool
) -> None:
    text = json.dumps(task(taskType=kind) | members, separators=(",", ":") if is_compact else None)
    text = text.replace("Infinity", "1e400")

    (alone,) = read(f"[{text}]")
    beside, _ = read(f"[{text},1]")  # no task: the whole message goes the long way

    assert facts(alone) == facts(beside)


def test_compact_message_with_a_key_given_twice_is_refused() -> None:
    text = json.dumps([task(ttl=60)], separators=(",", ":"))

    (element,) = read(text.replace('"ttl":60', '"ttl":60,"ttl":60'))

    assert isinstance(element, Failed)
    assert '"ttl" is given twice' in element.error.message


def test_repeated_uuid_in_a_plain_message_is_refused() -> None:
    text = json.dumps([task(), task(), task(taskUUID=uuid_of(2))], separators=(",", ":"))

    first, second, third = read(text)

    assert [isinstance(element, Failed) for element in (first, second, third)] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("count", [0, MAX_TASKS + 1])
def test_plain_message_of_a_wrong_length_is_refused_whole(count: int) -> None:
    from protocol.errors import MessageError

    text = json.dumps([task(taskUUID=uuid_of(n)) for n in range(count)], separators=(",", ":"))

    with pytest.raises(MessageError):
        read(text)
