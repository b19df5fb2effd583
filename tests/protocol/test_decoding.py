"""Elements → tasks or errors: fields by name, flat or grouped, one by one."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest
from fakes import uuid_of
from msgspec import UNSET
from wire import IMAGE, Absent, decode, decode_one, error_of, refusal, task

from protocol.decoding import Failed, task_types
from protocol.tasks import (
    Authentication,
    GetResponse,
    ImageBackgroundRemoval,
    ImageUpload,
    Ping,
    RemoveBackground,
)

MATTING = (
    "alphaMattingForegroundThreshold",
    "alphaMattingBackgroundThreshold",
    "alphaMattingErodeSize",
)
SWITCHES = ("postProcessMask", "returnOnlyMask", "alphaMatting")


# What is accepted


def taken(**fields: Any) -> RemoveBackground:
    element = decode_one(task(**fields))
    assert isinstance(element, RemoveBackground), error_of(element)
    return element


def test_plain_task_is_taken_with_its_defaults() -> None:
    element = decode_one(
        {"taskType": "removeBackground", "taskUUID": uuid_of(1), "inputImage": "x"}
    )
    assert element == RemoveBackground(task_uuid=uuid_of(1), input_image="x")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("removeBackground", RemoveBackground), ("imageBackgroundRemoval", ImageBackgroundRemoval)],
)
def test_both_names_of_background_removal_are_taken(name: str, kind: type) -> None:
    element = decode_one(task(taskType=name))
    assert type(element) is kind


@pytest.mark.parametrize("name", ["removeBackground", "imageBackgroundRemoval"])
def test_task_type_is_remembered_as_it_was_sent(name: str) -> None:
    element = decode_one(task(taskType=name))
    assert isinstance(element, RemoveBackground)
    assert element.task_type == name


def test_other_messages_become_their_structs() -> None:
    elements = decode(
        {"taskType": "authentication", "apiKey": "k"},
        {"taskType": "ping", "ping": True},
        {"taskType": "imageUpload", "taskUUID": uuid_of(1), "image": IMAGE},
        {"taskType": "getResponse", "taskUUID": uuid_of(2)},
    )
    assert [type(element) for element in elements] == [
        Authentication,
        Ping,
        ImageUpload,
        GetResponse,
    ]


def test_ping_may_leave_out_its_value() -> None:
    assert decode_one({"taskType": "ping"}) == Ping()


def test_login_may_name_a_session() -> None:
    element = decode_one(
        {"taskType": "authentication", "apiKey": "k", "connectionSessionUUID": uuid_of(8)}
    )
    assert element == Authentication(api_key="k", connection_session_uuid=uuid_of(8))


def test_key_is_not_shown_where_a_login_is_printed() -> None:
    element = decode_one({"taskType": "authentication", "apiKey": "very-secret"})
    assert "very-secret" not in repr(element)


@pytest.mark.parametrize(
    "settings",
    [
        {"rgba": [1, 2, 3, 0.5]},
        {"postProcessMask": True, "returnOnlyMask": True},
        {"alphaMatting": True, "alphaMattingErodeSize": 5},
        {"alphaMattingForegroundThreshold": 200, "alphaMattingBackgroundThreshold": 100},
    ],
)
def test_settings_mean_the_same_flat_and_nested(settings: dict[str, Any]) -> None:
    assert taken(**settings) == taken(settings=settings)


def test_image_means_the_same_flat_and_under_inputs() -> None:
    assert taken() == taken(inputImage=Absent, inputs={"image": IMAGE})


def test_settings_may_be_partly_flat_and_partly_nested() -> None:
    element = taken(alphaMatting=True, settings={"alphaMattingErodeSize": 5})
    assert (element.alpha_matting, element.alpha_matting_erode_size) == (True, 5)


def test_empty_settings_are_taken() -> None:
    assert taken(settings={}) == taken()


@pytest.mark.parametrize("name", ["providerSettings", "routing", "acceleratorOptions"])
@pytest.mark.parametrize("value", [None, {}, {"a": [1]}, "x"])
def test_fields_without_meaning_here_are_ignored(name: str, value: Any) -> None:
    assert taken(**{name: value}) == taken()


@pytest.mark.parametrize("form", ["PNG", "png", "Png", "jpg", "webp"])
def test_output_format_is_taken_in_any_case(form: str) -> None:
    assert taken(outputFormat=form).output_format == form.upper()


@pytest.mark.parametrize(
    "task_uuid",
    [
        str(uuid.UUID(int=0, version=4)),
        "0190a6e2-7b1c-7d2e-8f00-0123456789ab",
        "F47AC10B-58CC-4372-A567-0E02B2C3D479",
    ],
)
def test_uuid_of_version_4_or_7_is_taken_verbatim(task_uuid: str) -> None:
    assert taken(taskUUID=task_uuid).task_uuid == task_uuid


@pytest.mark.parametrize("rgba", [[0, 0, 0, 0], [255, 255, 255, 255], [1, 2, 3, 0.25]])
def test_colour_is_taken_with_either_scale_of_alpha(rgba: list[float]) -> None:
    assert taken(rgba=rgba).rgba == tuple(rgba)


@pytest.mark.parametrize("quality", [20, 95, 99])
def test_quality_within_its_range_is_taken(quality: int) -> None:
    assert taken(outputQuality=quality).output_quality == quality


@pytest.mark.parametrize("life", [60, 30 * 24 * 3600])
def test_life_within_its_range_is_taken(life: int) -> None:
    assert taken(outputType="URL", ttl=life).ttl == life


@pytest.mark.parametrize("url", ["http://example.com/", "HTTPS://example.com:8443/a?b=c#d"])
def test_callback_over_http_is_taken(url: str) -> None:
    element = taken(webhookURL=url, uploadEndpoint=url)
    assert (element.webhook_url, element.upload_endpoint) == (url, url)


def test_safety_is_taken() -> None:
    element = taken(safety={"checkInputs": True, "mode": "fast"})
    assert element.safety is not UNSET
    assert element.safety.check_inputs


def test_one_result_may_be_asked_for_explicitly() -> None:
    assert taken(numberResults=1) == taken()


# What is refused, under which name

BASE64_TEXT = base64.b64encode(b"hello world, not an image" * 4).decode()


@pytest.mark.parametrize(
    "value",
    [Absent, None, 7, ["x"], {}, "", "imageExplode", "REMOVEBACKGROUND", "removeBackground ",
     "x" * 10_000, "../removeBackground", "a\x00\x1b[31m", "__class__"],
)  # fmt: skip
def test_wrong_task_type_is_refused(value: Any) -> None:
    error = refusal(task(taskType=value))
    assert (error["parameter"], error["taskUUID"]) == ("taskType", uuid_of(1))


@pytest.mark.parametrize("value", [Absent, "imageExplode"])
def test_wrong_task_type_is_told_which_there_are(value: Any) -> None:
    assert refusal(task(taskType=value))["allowedValues"] == task_types()


@pytest.mark.parametrize(
    ("value", "code"),
    [(Absent, "missingTaskType"), ("x", "unsupportedTaskType"), (7, "invalidTaskType")],
)
def test_code_tells_missing_unsupported_and_invalid_apart(value: Any, code: str) -> None:
    assert refusal(task(taskType=value))["code"] == code


@pytest.mark.parametrize(
    "value",
    [Absent, None, 1, [], "", "abc", str(uuid.uuid1()), uuid.uuid4().hex, uuid.uuid4().hex[:31],
     f"{{{uuid.uuid4()}}}", f"urn:uuid:{uuid.uuid4()}", f" {uuid.uuid4()} ", f"{uuid.uuid4()}\n",
     str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1)), str(uuid.uuid3(uuid.UUID(int=0), "x")),
     str(uuid.uuid5(uuid.UUID(int=0), "x")), "0190a6e2-7b1c-7d2e-0f00-0123456789ab", "a" * 10_000,
     "../../../../etc/passwd", "'; DROP TABLE tasks;--"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["removeBackground", "getResponse", "imageUpload"])
def test_wrong_task_uuid_is_refused(value: Any, kind: str) -> None:
    members = {"taskType": kind, "taskUUID": value}
    sent = {name: value for name, value in members.items() if value is not Absent}
    assert refusal(sent)["parameter"] == "taskUUID"


@pytest.mark.parametrize("value", ["abc", str(uuid.uuid1()), "x" * 64])
def test_wrong_task_uuid_is_echoed_verbatim_where_it_is_short(value: str) -> None:
    assert refusal(task(taskUUID=value))["taskUUID"] == value


@pytest.mark.parametrize("value", [7, "", "x" * 65, None, ["x"]])
def test_what_cannot_be_a_uuid_is_not_echoed(value: Any) -> None:
    assert "taskUUID" not in refusal(task(taskUUID=value))


@pytest.mark.parametrize("value", [None, 5, True, [IMAGE], {"url": "x"}])
def test_image_of_a_wrong_type_is_refused(value: Any) -> None:
    error = refusal(task(inputImage=value))
    assert (error["code"], error["parameter"]) == ("invalidInputImage", "inputImage")


@pytest.mark.parametrize("value", [None, 5, True, [IMAGE], {"url": "x"}])
def test_image_of_a_wrong_type_under_inputs_is_refused(value: Any) -> None:
    error = refusal(task(inputImage=Absent, inputs={"image": value}))
    assert (error["code"], error["parameter"]) == ("invalidInputImage", "inputImage")


def test_refused_image_is_told_which_forms_there_are() -> None:
    message = refusal(task(inputImage=5))["message"]
    assert all(form in message for form in ("UUID", "data URI", "base64", "URL"))


@pytest.mark.parametrize("fields", [{}, {"inputs": {}}])
def test_missing_image_is_refused(fields: dict[str, Any]) -> None:
    error = refusal(task(inputImage=Absent, **fields))
    assert (error["code"], error["parameter"]) == ("missingInputImage", "inputImage")


def test_missing_image_of_an_upload_is_refused_under_its_name() -> None:
    error = refusal({"taskType": "imageUpload", "taskUUID": uuid_of(1)})
    assert (error["code"], error["parameter"]) == ("missingImage", "image")


WRONG = [
    ("outputType", (None, 1, [], {}, "", "url", "file", "BASE64DATA", "x" * 10_000)),
    (
        "outputFormat",
        (None, 1, [], "", "GIF", "SVG", "../PNG", "PNG;rm", "TIFF", "x" * 10_000, "ſvg", "PNG "),
    ),
    ("outputQuality", (None, 19, 100, -1, 0, "95", True, [], 50.5, 10**12)),
    ("includeCost", (None, 1, 0, "true", [], {})),
    (
        "rgba",
        (None, 1, "255,0,0,1", [], [1, 2, 3], [1, 2, 3, 1, 5], [256, 0, 0, 1], [-1, 0, 0, 1],
         [0, 0, 0, 999], [0, 0, 0, -1], ["0", 0, 0, 1], [None] * 4, [True, False, 0, 1],
         [[0], 0, 0, 1], [0.5, 0, 0, 1], {"r": 0}, [0] * 100_000, ["x" * 100_000]),
    ),
    *((name, (None, 2, 0, "yes", [], {})) for name in SWITCHES),
    *((name, (None, -1, 0, 256, 10**12, "10", True, False, [], {}, 1.5)) for name in MATTING),
    ("deliveryMethod", (None, 1, "", "later", [], "SYNC")),
    *(
        (
            name,
            (None, 1, "", "ftp://example.invalid/", "javascript:alert(1)", "file:///etc/passwd",
             "not a url", [], "http://" + "a" * 100_000, "http://", "http://a b/",
             "http://example.com/\r\nHost: evil", " http://example.com/"),
        )
        for name in ("webhookURL", "uploadEndpoint")
    ),
    ("ttl", (None, 59, -1, "60", True, 60.5, 30 * 24 * 3600 + 1)),
    ("model", (None, 1, [], "", "x" * 129)),
    ("numberResults", (None, "1", True, 1.5, 0, 2, -1)),
    ("safety", (None, 1, "on", [])),
]  # fmt: skip
CASES = [(name, value) for name, values in WRONG for value in values]


@pytest.mark.parametrize(
    ("name", "value"), CASES, ids=[f"{name}={json.dumps(value)[:24]}" for name, value in CASES]
)
def test_wrong_value_is_refused_under_its_name(name: str, value: Any) -> None:
    fields = {"outputType": "URL"} | {name: value}
    error = refusal(task(**fields))
    assert (error["parameter"], error["taskUUID"]) == (name, uuid_of(1))
    assert error["taskType"] == "removeBackground"


NESTED = [(name, value) for name, value in CASES if name in (*SWITCHES, *MATTING, "rgba")]


@pytest.mark.parametrize(
    ("name", "value"), NESTED, ids=[f"{name}={json.dumps(value)[:24]}" for name, value in NESTED]
)
def test_wrong_value_in_settings_is_refused_under_the_same_name(name: str, value: Any) -> None:
    assert refusal(task(settings={name: value})) == refusal(task(**{name: value}))


@pytest.mark.parametrize("group", ["settings", "inputs"])
@pytest.mark.parametrize("value", [None, 1, "x", [], True])
def test_group_that_is_no_object_is_refused(group: str, value: Any) -> None:
    error = refusal(task(**{group: value}))
    assert (error["parameter"], error["type"]) == (group, "object")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"inputs": {"image": IMAGE}}, "inputImage"),
        ({"rgba": [0, 0, 0, 1], "settings": {"rgba": [0, 0, 0, 1]}}, "rgba"),
        ({"alphaMatting": True, "settings": {"alphaMatting": False}}, "alphaMatting"),
    ],
)
def test_field_given_flat_and_grouped_is_refused(fields: dict[str, Any], name: str) -> None:
    error = refusal(task(**fields))
    assert error["parameter"] == name
    assert "twice" in error["message"]


# What an error tells


def test_range_of_a_number_is_told() -> None:
    error = refusal(task(outputQuality=5))
    assert {name: error[name] for name in ("type", "min", "max", "default")} == {
        "type": "integer", "min": 20, "max": 99, "default": 95,
    }  # fmt: skip


def test_choices_are_told() -> None:
    error = refusal(task(outputFormat="GIF"))
    assert sorted(error["allowedValues"]) == ["JPG", "PNG", "WEBP"]


def test_default_of_a_switch_is_told() -> None:
    error = refusal(task(includeCost="yes"))
    assert (error["type"], error["default"]) == ("boolean", False)


def test_only_allowed_number_of_results_is_told() -> None:
    error = refusal(task(numberResults=2))
    assert (error["code"], error["allowedValues"]) == ("unsupportedNumberResults", [1])


def test_wrong_value_is_shown_in_the_message() -> None:
    assert '"GIF"' in refusal(task(outputFormat="GIF"))["message"]


@pytest.mark.parametrize(
    "name",
    ["__proto__", "constructor", "unknownField", "rgbA", "alphaMating", "_internal", "tenant",
     "cost", "", "task_uuid", "inputimage", "rgba\x00", "\x1b[31m"],
)  # fmt: skip
def test_unknown_field_is_refused_by_name(name: str) -> None:
    error = refusal(task(**{name: 1}))
    shown = "".join(char if char.isprintable() else "·" for char in name)
    assert (error["code"], error["parameter"]) == ("unknownParameter", shown)


def test_unknown_field_is_told_which_there_are() -> None:
    allowed = refusal(task(unknownField=1))["allowedValues"]
    assert {"inputImage", "taskUUID", "rgba", "outputFormat"} <= set(allowed)


@pytest.mark.parametrize(
    ("group", "members"),
    [
        ("settings", {"alphaMating": True}),
        ("inputs", {"image": IMAGE, "mask": IMAGE}),
        ("safety", {"checkEverything": True}),
    ],
)
def test_unknown_member_of_a_group_is_refused_by_its_path(
    group: str, members: dict[str, Any]
) -> None:
    error = refusal(
        task(**({"inputImage": Absent} if group == "inputs" else {}), **{group: members})
    )
    assert (error["code"], error["parameter"]) == (
        "unknownParameter",
        f"{group}.{list(members)[-1]}",
    )
    assert error["allowedValues"]


@pytest.mark.parametrize("group", ["settings", "inputs", "safety"])
@pytest.mark.parametrize("name", ["a\x00\x1b[31m", "k" * 5_000, ""])
def test_strange_member_of_a_group_is_shown_clean(group: str, name: str) -> None:
    error = refusal(task(**{group: {name: 1}}))
    assert error["parameter"].startswith(f"{group}.")


@pytest.mark.parametrize(
    ("member", "value", "kind"),
    [("checkInputs", 1, "boolean"), ("checkContent", None, "boolean"), ("mode", 7, "string")],
)
def test_wrong_member_of_safety_is_refused_by_its_path(member: str, value: Any, kind: str) -> None:
    error = refusal(task(safety={member: value}))
    assert (error["parameter"], error["type"]) == (f"safety.{member}", kind)


@pytest.mark.parametrize("kind", ["imageUpload", "getResponse"])
def test_field_of_another_task_type_is_unknown(kind: str) -> None:
    error = refusal({"taskType": kind, "taskUUID": uuid_of(1), "image": "x", "rgba": [0, 0, 0, 1]})
    assert error["code"] == "unknownParameter"


# What no single field can see


@pytest.mark.parametrize("is_nested", [False, True])
@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ({MATTING[0]: 10, MATTING[1]: 240}, MATTING[1]),
        ({MATTING[0]: 100, MATTING[1]: 100}, MATTING[1]),
        ({MATTING[1]: 240}, MATTING[1]),
        ({MATTING[0]: 10}, MATTING[0]),
        ({"alphaMatting": True, MATTING[0]: 5}, MATTING[0]),
    ],
)
def test_background_threshold_that_is_not_below_the_foreground_is_refused(
    sent: dict[str, Any], name: str, is_nested: bool
) -> None:
    error = refusal(task(**({"settings": sent} if is_nested else sent)))
    assert error["parameter"] == name


def test_room_between_the_thresholds_is_told() -> None:
    error = refusal(task(**{MATTING[0]: 100, MATTING[1]: 100}))
    assert (error["min"], error["max"]) == (1, 99)


@pytest.mark.parametrize("output_type", ["base64Data", "dataURI"])
def test_life_of_a_url_without_a_url_is_refused(output_type: str) -> None:
    assert refusal(task(outputType=output_type, ttl=60))["parameter"] == "ttl"


# Login

WRONG_KEYS: list[Any] = [Absent, None, 1, ["k"], {}, "", "k" * 100_000]
WRONG_SESSIONS: list[Any] = [
    7,
    "abc",
    [],
    "../../etc/passwd",
    "a" * 10_000,
    None,
    uuid_of(1) + "\n",
]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        *(({"apiKey": value}, "apiKey") for value in WRONG_KEYS),
        *(({"connectionSessionUUID": value}, "connectionSessionUUID") for value in WRONG_SESSIONS),
        ({"pad": "x" * 100_000}, "pad"),
    ],
)
def test_wrong_login_is_refused_by_name(fields: dict[str, Any], name: str) -> None:
    members = {"taskType": "authentication", "apiKey": "k"} | fields
    error = refusal({name: value for name, value in members.items() if value is not Absent})
    assert error["parameter"] == name


@pytest.mark.parametrize("kind", ["authentication", "ping"])
def test_errors_of_login_and_ping_carry_no_task_uuid(kind: str) -> None:
    error = refusal({"taskType": kind, "taskUUID": uuid_of(1), "apiKey": 5, "ping": 5})
    assert error["taskType"] == kind
    assert "taskUUID" not in error


def test_login_with_a_task_uuid_is_taken() -> None:
    element = decode_one({"taskType": "authentication", "apiKey": "k", "taskUUID": uuid_of(1)})
    assert isinstance(element, Authentication)


@pytest.mark.parametrize("value", [["very-secret"], {"key": "very-secret"}, "very-secret" * 99])
def test_refused_key_is_not_shown(value: Any) -> None:
    error = refusal({"taskType": "authentication", "apiKey": value})
    assert "very-secret" not in json.dumps(error)


# Neighbours

BAD: list[Any] = [
    1,
    None,
    [],
    {},
    {"taskType": "x"},
    task(rgba=1),
    task(taskUUID="x"),
    task(unknown=1),
]


@pytest.mark.parametrize("bad", BAD)
def test_bad_element_does_not_spoil_its_neighbours(bad: Any) -> None:
    first, middle, last = decode(task(taskUUID=uuid_of(8)), bad, task(taskUUID=uuid_of(9)))
    assert isinstance(middle, Failed)
    assert [type(first), type(last)] == [RemoveBackground, RemoveBackground]


def test_elements_keep_their_order() -> None:
    sent = [task(taskUUID=uuid_of(number)) for number in range(5)]
    assert [
        element.task_uuid for element in decode(*sent) if isinstance(element, RemoveBackground)
    ] == [uuid_of(number) for number in range(5)]


def test_two_bad_elements_are_told_apart() -> None:
    first, second = decode(
        task(taskUUID=uuid_of(1), outputQuality=5), task(taskUUID=uuid_of(2), outputFormat="GIF")
    )
    assert [(error_of(e)["taskUUID"], error_of(e)["parameter"]) for e in (first, second)] == [
        (uuid_of(1), "outputQuality"),
        (uuid_of(2), "outputFormat"),
    ]


def test_uuid_used_twice_in_an_array_is_refused_the_second_time() -> None:
    first, second = decode(task(), task())
    assert isinstance(first, RemoveBackground)
    assert error_of(second)["code"] == "conflictTaskUUID"


def test_uuid_used_twice_in_other_letters_is_refused_too() -> None:
    lower = "abcdefab-0000-4000-8000-000000000001"
    _, second = decode(task(taskUUID=lower), task(taskUUID=lower.upper()))
    assert error_of(second)["taskUUID"] == lower.upper()


def test_same_task_may_be_asked_for_twice() -> None:
    poll = {"taskType": "getResponse", "taskUUID": uuid_of(1)}
    assert [type(element) for element in decode(poll, poll)] == [GetResponse, GetResponse]


@pytest.mark.parametrize("is_first", [True, False])
def test_task_may_be_asked_for_in_the_array_that_sends_it(is_first: bool) -> None:
    poll = {"taskType": "getResponse", "taskUUID": uuid_of(1)}
    elements = decode(poll, task()) if is_first else decode(task(), poll)
    assert {type(element) for element in elements} == {GetResponse, RemoveBackground}


def test_uuid_of_a_refused_task_may_be_used_by_its_neighbour() -> None:
    _, second = decode(task(outputQuality=5), task())
    assert isinstance(second, RemoveBackground)
