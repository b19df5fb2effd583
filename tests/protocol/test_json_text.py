"""Frame bytes → JSON values: strict, not nested deeply, no key given twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes import uuid_of
from wire import IMAGE, MAX_TASKS, check_error, decode, error_of, task

from protocol.decoding import Element, Failed, decode_message
from protocol.errors import (
    EmptyArray,
    InvalidJSON,
    InvalidRequest,
    MessageError,
    TooManyTasks,
)
from protocol.json_text import MAX_DEPTH
from protocol.replies import error_reply
from protocol.tasks import RemoveBackground

U = uuid_of(1)
GOOD = json.dumps([task()])


def read(text: str | bytes) -> list[Element]:
    return decode_message(text, max_tasks=MAX_TASKS)


def with_field(literal: str, name: str = "alphaMattingErodeSize") -> str:
    """A task whose one field is written as given."""
    return (
        f'[{{"taskType":"removeBackground","taskUUID":"{U}","inputImage":"x","{name}":{literal}}}]'
    )


def told(caught: pytest.ExceptionInfo[MessageError]) -> dict[str, Any]:
    """The error object of a message."""
    error = json.loads(error_reply(caught.value).body)
    check_error(error)
    return dict(error)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\t ",
        "hello",
        "<script>alert(1)</script>",
        GOOD[:-5],
        GOOD[: len(GOOD) // 2],
        GOOD + "x",
        GOOD + GOOD,
        GOOD[:-1] + ",]",
        GOOD.replace('"', "'"),
        "/* x */" + GOOD,
        "\ufeff" + GOOD,
        f'[{{"taskType":"\\ud800","taskUUID":"{U}"}}]',
        f'[{{"taskType":"\\x41","taskUUID":"{U}"}}]',
        f'[{{"taskType":"a\x01b","taskUUID":"{U}"}}]',
        f'[{{"taskType":"a\nb","taskUUID":"{U}"}}]',
        '[{"a":tru}]',
        '[{"a" 1}]',
        "[{1:2}]",
    ],
)
def test_text_that_is_not_json_is_refused_whole(text: str) -> None:
    with pytest.raises(InvalidJSON) as caught:
        read(text)
    assert told(caught)["code"] == "invalidJSON"


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "01", "0x10", "1_000", "+1", "1.", ".5", "1e", "--1"]
)
def test_number_that_json_does_not_know_is_refused(number: str) -> None:
    with pytest.raises(InvalidJSON):
        read(with_field(number))


@pytest.mark.parametrize(
    "data", [b'[{"taskType":"\xff"}]', b'[{"\xff":1}]', b"\xff\xfe", GOOD.encode("utf-16"), b"\x00"]
)
def test_bytes_that_are_not_utf_8_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidJSON):
        read(data)


def test_text_with_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidJSON):
        read('[{"taskType":"\ud800"}]')


def test_reason_is_told_in_our_words() -> None:
    with pytest.raises(InvalidJSON) as caught:
        read(b'[{"taskType":"\xff"}]')
    assert caught.value.message == "The message is not valid JSON: it is not UTF-8."


@pytest.mark.parametrize("text", ["null", "true", "0", "-1.5", '"text"', "{}", '{"data":[]}'])
def test_message_that_is_no_array_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(text)
    assert told(caught)["code"] == "invalidRequest"


def test_task_without_its_array_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        read(json.dumps(task()))


def test_empty_array_is_refused() -> None:
    with pytest.raises(EmptyArray) as caught:
        read("[]")
    assert told(caught)["code"] == "arrayTooSmall"


@pytest.mark.parametrize("literal", ["1", '"x"', "null", "true", "[]", "[{}]", "1.5"])
def test_element_that_is_no_object_is_refused_alone(literal: str) -> None:
    first, second = read(f"[{literal},{json.dumps(task())}]")
    assert error_of(first)["code"] == "invalidRequest"
    assert isinstance(second, RemoveBackground)


def test_array_at_the_limit_is_taken() -> None:
    assert len(read("[" + ",".join(["{}"] * MAX_TASKS) + "]")) == MAX_TASKS


@pytest.mark.parametrize("count", [MAX_TASKS + 1, 200_000])
def test_array_over_the_limit_is_refused_whole(count: int) -> None:
    with pytest.raises(TooManyTasks) as caught:
        read("[" + ",".join(["1"] * count) + "]")
    assert told(caught)["code"] == "tooManyTasks"


def test_bytes_and_text_are_read_alike() -> None:
    assert read(GOOD) == read(GOOD.encode())


def test_space_between_the_tokens_does_not_matter() -> None:
    assert read(json.dumps([task()], indent=4)) == read(GOOD)


# Depth


def nested(depth: int) -> Any:
    """A task that has so many levels, itself included."""
    inner: Any = 1
    for _ in range(depth - 1):
        inner = [inner]
    return task(providerSettings=inner)


def test_element_at_the_depth_limit_is_taken() -> None:
    (element,) = decode(nested(MAX_DEPTH))
    assert isinstance(element, RemoveBackground)


def test_element_over_the_depth_limit_is_refused() -> None:
    (element,) = decode(nested(MAX_DEPTH + 1))
    error = error_of(element)
    assert (error["code"], error["taskUUID"]) == ("invalidJSON", U)


def test_deep_element_does_not_spoil_its_neighbours() -> None:
    _, second = decode(nested(MAX_DEPTH + 1), task(taskUUID=uuid_of(2)))
    assert isinstance(second, RemoveBackground)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000 + "]" * 20_000,
        "[" * 200_000,
        '[{"taskType":' + '{"a":' * 20_000 + "1" + "}" * 20_000 + "}]",
        with_field("[" * 20_000 + "]" * 20_000, "rgba"),
        with_field('1e999,"x":' + "[" * 20_000 + "]" * 20_000),
    ],
)
def test_text_too_deep_to_be_read_is_refused_whole(text: str) -> None:
    with pytest.raises(InvalidJSON) as caught:
        read(text)
    assert str(MAX_DEPTH) in told(caught)["message"]


# Large numbers


@pytest.mark.parametrize(
    "number",
    ["1e999", "-1e999", "9" * 30, "9" * 400, "9" * 5_000, "-" + "9" * 5_000, "1" + "0" * 100_000],
)
@pytest.mark.parametrize("field", ["alphaMattingErodeSize", "outputQuality", "numberResults"])
def test_number_beyond_all_bounds_is_refused_as_that_field(number: str, field: str) -> None:
    (element,) = read(with_field(number, field))
    error = error_of(element)
    assert (error["parameter"], error["taskUUID"]) == (field, U)


@pytest.mark.parametrize("number", ["1e999", "9" * 5_000])
def test_number_beyond_all_bounds_in_an_array_is_refused_as_that_field(number: str) -> None:
    (element,) = read(with_field(f"[{number},0,0,1]", "rgba"))
    assert error_of(element)["parameter"] == "rgba"


@pytest.mark.parametrize("number", ["1e999", "9" * 5_000])
def test_number_beyond_all_bounds_does_not_spoil_its_neighbours(number: str) -> None:
    bad, good = read(with_field(number)[:-1] + "," + json.dumps(task(taskUUID=uuid_of(2))) + "]")
    assert isinstance(bad, Failed)
    assert isinstance(good, RemoveBackground)


def test_element_that_is_a_number_beyond_all_bounds_is_refused_alone() -> None:
    bad, good = read("[1e999," + json.dumps(task()) + "]")
    assert error_of(bad)["code"] == "invalidRequest"
    assert isinstance(good, RemoveBackground)


# Repeated keys

TWICE = f'"taskType":"removeBackground","taskUUID":"{U}","inputImage":"x"'
LAYOUTS = {
    "compact": lambda text: text,
    "spaced": lambda text: text.replace('",', '", ').replace('":', '": '),
    "pretty": lambda text: text.replace("{", "{\n  ").replace('",', '",\n  ').replace('":', '" : '),
    "tabs": lambda text: text.replace("{", "\t{\t").replace("}", "\t}\t"),
    "half": lambda text: text.replace('":', '": ', 2),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("members", "key"),
    [
        (TWICE + ',"taskUUID":"y"', "taskUUID"),
        (TWICE + ',"taskType":"removeBackground"', "taskType"),
        (TWICE + ',"inputImage":"x"', "inputImage"),
        (TWICE + ',"settings":{"rgba":[1,2,3,1],"rgba":[1,2,3,1]}', "rgba"),
        (TWICE + ',"inputs":{"image":"x","image":"x"}', "image"),
        (TWICE + ',"safety":{"mode":"a","mode":"b"}', "mode"),
        (TWICE + ',"routing":[{"deep":{"a":1,"a":1}}]', "a"),
        (TWICE + ',"mo\\u0064el":"a","model":"b"', "model"),
        (TWICE + ',"é":1,"é":2', "é"),
        (TWICE + ',"":1,"":2', ""),
    ],
)
def test_key_given_twice_is_refused(layout: str, members: str, key: str) -> None:
    (element,) = read(LAYOUTS[layout]("[{" + members + "}]"))
    assert isinstance(element, Failed)
    assert f'"{key}" is given twice' in error_of(element)["message"]


def test_braces_in_strings_hide_no_repetition() -> None:
    (element,) = read("[{" + TWICE + ',"model":"\\"}","model":"{\\""}]')
    assert error_of(element)["parameter"] == "model"


def test_key_given_twice_is_named_as_the_parameter() -> None:
    (element,) = read("[{" + TWICE + ',"outputQuality":30,"outputQuality":40}]')
    error = error_of(element)
    assert (error["code"], error["parameter"]) == ("invalidOutputQuality", "outputQuality")


def test_key_given_twice_does_not_hide_behind_the_length_of_another_layout() -> None:
    # Compact with ',"ttl":60' twice is as long as the spaced text with it once.
    text = f'[{{{TWICE},"ttl":60,"model":"x","ttl":70}}]'
    (element,) = read(text)
    assert error_of(element)["parameter"] == "ttl"


def test_key_given_twice_does_not_spoil_its_neighbours() -> None:
    bad, good = read("[{" + TWICE + ',"ttl":60,"ttl":60},' + GOOD[1:].replace(U, uuid_of(2)))
    assert isinstance(bad, Failed)
    assert isinstance(good, RemoveBackground)


def test_strange_key_given_twice_is_shown_clean() -> None:
    (element,) = read('[{"a\\u0000\\u001b":1,"a\\u0000\\u001b":2}]')
    assert error_of(element)["parameter"] == "a··"


def test_long_key_given_twice_is_cut() -> None:
    (element,) = read('[{{"{}":1,"{}":2}}]'.format("k" * 5_000, "k" * 5_000))
    error_of(element)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_same_key_in_two_objects_is_no_repetition(layout: str) -> None:
    text = json.dumps(
        [task(routing={"a": {"x": 1}, "b": [{"x": 1}, {"x": 1}]}, safety={"mode": "fast"})],
        separators=(",", ":"),
    )
    (element,) = read(LAYOUTS[layout](text))
    assert isinstance(element, RemoveBackground)


def test_repetition_is_looked_for_in_text_as_javascript_and_python_write_it() -> None:
    text = json.dumps([task(settings={"alphaMatting": True})])
    compact = json.dumps([task(settings={"alphaMatting": True})], separators=(",", ":"))
    assert read(text) == read(compact)


def test_object_of_very_many_keys_is_refused_by_the_first() -> None:
    (element,) = read("[{" + ",".join(f'"k{number}":1' for number in range(100_000)) + "}]")
    assert error_of(element)["code"] == "missingTaskType"


def test_very_long_key_is_cut() -> None:
    (element,) = decode(task(**{"k" * 1_000_000: 1}))
    assert len(error_of(element)["parameter"]) <= 65


def test_large_image_is_taken() -> None:
    (element,) = decode(task(inputImage=IMAGE + "A" * 1_000_000))
    assert isinstance(element, RemoveBackground)
