"""Frames as clients were seen to send them, and the frames that they need in return.

`tests/golden/client_*.json`: what each official client sends, and which parameter is refused.
`tests/golden/rule_*.json`: one rule of the dialect each, as a request and its reply frames.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import uuid_of
from wire import IMAGE, MAX_TASKS, error_of, task

from protocol.decoding import Element, Failed, decode_message
from protocol.errors import InvalidApiKey, MessageError, TaskNotFound
from protocol.replies import (
    Reply,
    error_reply,
    inline_reply,
    login_reply,
    pong_reply,
    result_reply,
)
from protocol.results import Acknowledged, ImageResult, StillRunning
from protocol.tasks import (
    Authentication,
    GetResponse,
    ImageUpload,
    Ping,
    RemoveBackground,
    Task,
)

GOLDEN = Path(__file__).parents[1] / "golden"
SESSION, RUNNING, UNKNOWN = uuid_of(800), uuid_of(701), uuid_of(702)


def rows(pattern: str) -> list[Any]:
    params = []
    for path in sorted(GOLDEN.glob(pattern)):
        content = json.loads(path.read_text())
        cases = content if isinstance(content, list) else [content]
        for number, case in enumerate(cases):
            params.append(pytest.param(case, id=f"{path.stem}-{number}"))
    return params


# What clients send


@pytest.mark.parametrize("case", rows("client_*.json"))
def test_frame_of_a_known_client_is_taken_or_refused_as_it_expects(case: dict[str, Any]) -> None:
    (element,) = decode_message(json.dumps(case["sends"]), max_tasks=MAX_TASKS)
    if case["refused"] is None:
        assert not isinstance(element, Failed), error_of(element)
    else:
        assert error_of(element)["parameter"] == case["refused"]


@pytest.mark.parametrize("case", rows("client_*.json"))
def test_layout_that_a_client_writes_does_not_matter(case: dict[str, Any]) -> None:
    texts: list[str | bytes] = [
        json.dumps(case["sends"], separators=(",", ":")),
        json.dumps(case["sends"], indent=2),
        json.dumps(case["sends"]).encode(),
    ]
    shown = {repr(decode_message(text, max_tasks=MAX_TASKS)[0]) for text in texts}
    assert len({text.partition("error=")[0] for text in shown}) == 1


# What they get


def finished(task: Task, **more: Any) -> ImageResult:
    return ImageResult(
        task_type=task.task_type, task_uuid=task.task_uuid, image_uuid=uuid_of(900), **more
    )


def result_of(task: RemoveBackground | ImageUpload) -> Reply:
    """The reply of a task that a service has finished."""
    if isinstance(task, ImageUpload) or task.output_type == "URL":
        return result_reply(finished(task, image_url="http://host/im/900.png"))
    if task.output_type == "dataURI":
        return inline_reply(finished(task), "imageDataURI", b"data:image/png;base64,", b"aGk=")
    return inline_reply(finished(task), "imageBase64Data", b"", b"aGk=")


def poll(task: GetResponse) -> Reply:
    if task.task_uuid == RUNNING:
        return result_reply(StillRunning(task_type="removeBackground", task_uuid=RUNNING))
    if task.task_uuid == UNKNOWN:
        error = TaskNotFound("No such task.", parameter="taskUUID")
        return error_reply(
            error, task_type=task.task_type, task_uuid=task.task_uuid, is_polled=True
        )
    done = RemoveBackground(task_uuid=task.task_uuid, input_image="")
    return result_reply(finished(done, status="success", image_url="http://host/im/900.png"))


def log_in(element: Authentication) -> Reply:
    if element.api_key == "right-key":
        return login_reply(SESSION)
    error = InvalidApiKey("Invalid API key.", parameter="apiKey")
    return error_reply(error, task_type="authentication")


def reply_of(element: Element) -> Reply:
    """Answer one element as a service does whose tasks all succeed."""
    match element:
        case Authentication():
            return log_in(element)
        case Ping():
            return pong_reply()
        case Failed():
            return error_reply(
                element.error, task_type=element.task_type, task_uuid=element.task_uuid
            )
        case GetResponse():
            return poll(element)
        case RemoveBackground(delivery_method="async"):
            taken = Acknowledged(task_type=element.task_type, task_uuid=element.task_uuid)
            return result_reply(taken)
        case _:
            assert isinstance(element, RemoveBackground | ImageUpload)
            return result_of(element)


def exchange(request: Any) -> list[Any]:
    """The frames that a client gets for one message."""
    try:
        elements = decode_message(json.dumps(request), max_tasks=MAX_TASKS)
    except MessageError as error:
        return [json.loads(error_reply(error).frame)]
    return [json.loads(reply_of(element).frame) for element in elements]


def lasting(item: dict[str, Any]) -> dict[str, Any]:
    """An element without what may be bettered at any time: words, and the list of task types."""
    passing = {"message", "allowedValues"} if item.get("parameter") == "taskType" else {"message"}
    return {key: value for key, value in item.items() if key not in passing}


def without_messages(frames: list[Any]) -> list[Any]:
    return [
        {member: [lasting(item) for item in items] for member, items in frame.items()}
        for frame in frames
    ]


@pytest.mark.parametrize("case", rows("rule_*.json"))
def test_request_of_a_rule_gets_its_reply_frames(case: dict[str, Any]) -> None:
    assert without_messages(exchange(case["request"])) == case["replies"]


RULES = rows("rule_*.json")


def items(frame: dict[str, Any]) -> list[dict[str, Any]]:
    return [*frame.get("data", []), *frame.get("errors", [])]


@pytest.mark.parametrize("case", RULES)
def test_frame_holds_one_task_and_never_data_beside_errors(case: dict[str, Any]) -> None:
    for frame in exchange(case["request"]):
        assert len(frame) == 1
        assert len(items(frame)) == 1


@pytest.mark.parametrize("case", RULES)
def test_every_element_has_exactly_one_reply(case: dict[str, Any]) -> None:
    assert len(exchange(case["request"])) == max(1, len(case["request"]))


@pytest.mark.parametrize("case", RULES)
def test_no_result_looks_like_an_error(case: dict[str, Any]) -> None:
    for frame in exchange(case["request"]):
        for item in frame.get("data", []):
            assert not {"code", "error", "errorId"} & set(item)


@pytest.mark.parametrize("case", RULES)
def test_result_has_one_form_of_image_at_most(case: dict[str, Any]) -> None:
    for frame in exchange(case["request"]):
        for item in frame.get("data", []):
            assert len({"imageURL", "imageBase64Data", "imageDataURI"} & set(item)) <= 1


def test_every_rule_that_the_protocol_decides_has_a_case() -> None:
    told = {path.stem.split("_")[1] for path in GOLDEN.glob("rule_*.json")}
    assert told >= {"01", "02", "03", "04", "05", "06", "07", "08", "09", "11", "13"}


def test_good_task_is_good() -> None:
    (frame,) = exchange([task(inputImage=IMAGE)])
    assert list(frame) == ["data"]
