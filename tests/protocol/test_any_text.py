"""Whatever is sent: an answer for each element or one for the message, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from fakes import uuid_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire import MAX_TASKS, check_error, error_of, task

from protocol.decoding import Failed, decode_message, task_types
from protocol.errors import MessageError
from protocol.replies import error_reply

anything = settings(
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from([uuid_of(1), "removeBackground", "x" * 200, 10**400, 2**64])
)
_keys = st.text(max_size=6)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=4,
)
_names = st.sampled_from(
    ["taskType", "taskUUID", "inputImage", "rgba", "settings", "inputs", "safety", "ttl", "model",
     "outputFormat", "apiKey", "ping", "numberResults", "image", "alphaMatting"],
)  # fmt: skip
_members = st.dictionaries(_names | _keys, _values, max_size=4)
_tasks = st.builds(
    lambda kind, members: task(taskType=kind) | members,
    st.sampled_from(task_types()),
    _members,
)


def answer(text: bytes | str) -> None:
    """Decode as a service does, and check whatever must be refused."""
    try:
        elements = decode_message(text, max_tasks=MAX_TASKS)
    except MessageError as error:
        check_error(json.loads(error_reply(error).body))
        return
    assert elements
    for element in elements:
        if isinstance(element, Failed):
            error_of(element)


@anything
@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data: bytes) -> None:
    answer(data)


@anything
@given(st.text(st.characters(), max_size=200))
def test_any_text_is_answered(text: str) -> None:
    answer(text)


@anything
@given(st.text('[]{}":,\\u0019eE+-.tfnul aé\x00\x01', max_size=80))
def test_any_text_of_json_signs_is_answered(text: str) -> None:
    answer(text)
    answer(f"[{{{text}}}]")
    answer(f'[{{"taskType":{text}}}]')


@anything
@given(_values)
def test_any_json_is_answered(value: Any) -> None:
    answer(json.dumps(value))


@anything
@given(st.lists(_tasks | _values, min_size=1, max_size=3))
def test_any_array_is_answered(elements: list[Any]) -> None:
    answer(json.dumps(elements))


@anything
@given(st.lists(_tasks, min_size=1, max_size=3))
def test_every_element_has_an_answer_in_its_place(elements: list[Any]) -> None:
    text = json.dumps(elements)
    if "NaN" in text or "Infinity" in text or "\\ud" in text:
        return
    assert len(decode_message(text, max_tasks=MAX_TASKS)) == len(elements)


@anything
@given(_members, st.sampled_from([None, 2]), st.booleans())
def test_keys_given_once_are_never_taken_for_repeated(
    members: dict[str, Any], indent: int | None, is_compact: bool
) -> None:
    separators = (",", ":") if is_compact else None
    text = json.dumps([members], indent=indent, separators=separators)
    if "NaN" in text or "Infinity" in text or "\\ud" in text:
        return
    for element in decode_message(text, max_tasks=1):
        assert not isinstance(element, Failed) or "given twice" not in element.error.message


@anything
@given(
    st.lists(st.tuples(st.text(max_size=6), st.integers(0, 10**6)), min_size=1, max_size=12),
    st.sampled_from([(",", ":"), (", ", ": "), (",", ": "), (" ,", ":")]),
)
def test_keys_given_twice_are_always_found(
    pairs: list[tuple[str, int]], layout: tuple[str, str]
) -> None:
    comma, colon = layout
    keys = [key for key, _ in pairs]
    if "\\ud" in json.dumps(keys):
        return
    text = comma.join(f"{json.dumps(key, ensure_ascii=False)}{colon}{n}" for key, n in pairs)
    (element,) = decode_message(f"[{{{text}}}]", max_tasks=1)
    assert isinstance(element, Failed)
    assert ("given twice" in element.error.message) == (len(keys) != len(set(keys)))
