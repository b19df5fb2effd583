"""Replies: one element in a frame, pictures spliced in whole, numbers exact."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from fakes import uuid_of
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import Constraint, InvalidParameter, TaskNotFound
from protocol.replies import (
    Reply,
    error_reply,
    inline_reply,
    join_replies,
    login_reply,
    pong_reply,
    result_reply,
)
from protocol.results import Acknowledged, ImageResult, StillRunning

DONE = ImageResult(
    task_type="removeBackground",
    task_uuid=uuid_of(1),
    image_uuid=uuid_of(900),
    image_url="http://host/im/1.png?exp=1&sig=x",
)


def element(reply: Reply) -> dict[str, Any]:
    frame = json.loads(reply.frame)
    ((only,),) = frame.values()
    return dict(only)


def test_result_stands_alone_under_data() -> None:
    assert list(json.loads(result_reply(DONE).frame)) == ["data"]


def test_error_stands_alone_under_errors() -> None:
    assert list(json.loads(error_reply(TaskNotFound("Gone.")).frame)) == ["errors"]


def test_result_has_its_fields_and_no_empty_ones() -> None:
    assert element(result_reply(DONE)) == {
        "taskType": "removeBackground",
        "taskUUID": uuid_of(1),
        "imageUUID": uuid_of(900),
        "imageURL": "http://host/im/1.png?exp=1&sig=x",
    }


def test_pong_is_just_what_clients_wait_for() -> None:
    assert json.loads(pong_reply().frame) == {"data": [{"taskType": "ping", "pong": True}]}


def test_login_is_answered_with_the_session_and_no_task_uuid() -> None:
    assert element(login_reply(uuid_of(8))) == {
        "taskType": "authentication",
        "connectionSessionUUID": uuid_of(8),
    }


def test_acknowledgement_holds_nothing_that_looks_like_a_result() -> None:
    reply = result_reply(Acknowledged(task_type="removeBackground", task_uuid=uuid_of(1)))
    assert set(element(reply)) == {"taskType", "taskUUID"}


def test_task_that_still_runs_is_processing() -> None:
    reply = result_reply(StillRunning(task_type="removeBackground", task_uuid=uuid_of(1)))
    assert element(reply)["status"] == "processing"


def test_cost_is_written_as_it_was_calculated() -> None:
    result = msgspec.structs.replace(DONE, cost=msgspec.Raw(b"0.000601"))
    parsed = json.loads(result_reply(result).frame, parse_float=Decimal)
    assert parsed["data"][0]["cost"] == Decimal("0.000601")


# Pictures inside


def inline(data: bytes, *, field: str = "imageBase64Data", prefix: bytes = b"") -> Any:
    result = msgspec.structs.replace(DONE, image_url=None)
    return element(inline_reply(result, field, prefix, base64.b64encode(data)))


@settings(database=None, deadline=None)
@given(st.binary(max_size=300))
def test_spliced_picture_is_the_picture(data: bytes) -> None:
    assert base64.b64decode(inline(data)["imageBase64Data"], validate=True) == data


def test_splicing_leaves_the_other_fields_as_they_are() -> None:
    whole = inline(b"x")
    del whole["imageBase64Data"]
    assert whole == element(result_reply(msgspec.structs.replace(DONE, image_url=None)))


def test_data_uri_begins_with_its_media_type() -> None:
    whole = inline(b"\x89PNG", field="imageDataURI", prefix=b"data:image/png;base64,")
    assert whole["imageDataURI"] == "data:image/png;base64,iVBORw=="


def test_spliced_reply_is_the_same_as_an_encoded_one() -> None:
    spliced = inline_reply(DONE, "imageBase64Data", b"", b"aGk=").body
    assert json.loads(spliced) == element(result_reply(DONE)) | {"imageBase64Data": "aGk="}


# Errors


def test_error_tells_all_that_is_known() -> None:
    error = InvalidParameter(
        "Wrong.",
        parameter="outputQuality",
        constraint=Constraint(type="integer", min=0, max=99, default=0, allowed_values=[0, 99]),
    )
    reply = error_reply(
        error,
        task_type="removeBackground",
        task_uuid=uuid_of(1),
        documentation_url="http://host/docs/errors",
    )
    assert element(reply) == {
        "code": "invalidOutputQuality",
        "message": "Wrong.",
        "parameter": "outputQuality",
        "type": "integer",
        "min": 0,
        "max": 99,
        "default": 0,
        "allowedValues": [0, 99],
        "documentation": "http://host/docs/errors#invalidOutputQuality",
        "taskType": "removeBackground",
        "taskUUID": uuid_of(1),
    }


def test_error_tells_nothing_that_is_not_known() -> None:
    assert set(element(error_reply(TaskNotFound("Gone.")))) == {"code", "message"}


def test_default_of_false_is_told() -> None:
    error = InvalidParameter("Wrong.", constraint=Constraint(default=False))
    assert element(error_reply(error))["default"] is False


@pytest.mark.parametrize(("is_polled", "status"), [(True, "error"), (False, None)])
def test_error_of_a_poll_says_so(is_polled: bool, status: str | None) -> None:
    reply = error_reply(TaskNotFound("Gone."), is_polled=is_polled)
    assert element(reply).get("status") == status


def test_reply_of_an_error_keeps_the_error() -> None:
    error = TaskNotFound("Gone.")
    assert error_reply(error).error is error


def test_strange_echo_does_not_break_the_frame() -> None:
    reply = error_reply(TaskNotFound("Gone."), task_uuid='"}]}\x00\u2028é')
    assert element(reply)["taskUUID"] == '"}]}\x00\u2028é'


# One body, for HTTP


def test_body_of_successes_has_data_only() -> None:
    body = json.loads(join_replies([result_reply(DONE), pong_reply()]))
    assert body == {"data": [element(result_reply(DONE)), element(pong_reply())]}


def test_body_with_an_error_has_both() -> None:
    failed = error_reply(TaskNotFound("Gone."))
    body = json.loads(join_replies([failed, result_reply(DONE)]))
    assert body == {"data": [element(result_reply(DONE))], "errors": [element(failed)]}


def test_body_of_errors_has_empty_data() -> None:
    body = json.loads(join_replies([error_reply(TaskNotFound("Gone."))]))
    assert body["data"] == []


def test_body_keeps_the_order_of_the_replies() -> None:
    running = [
        result_reply(StillRunning(task_type="x", task_uuid=uuid_of(number))) for number in range(5)
    ]
    body = json.loads(join_replies(running))
    assert [item["taskUUID"] for item in body["data"]] == [uuid_of(n) for n in range(5)]
