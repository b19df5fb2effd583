"""The edit endpoints' requests: what is taken, what is refused by name, and which task each is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fakes import uuid_of

from protocol.edit_errors import EditError, error_object
from protocol.edits import (
    MAX_MASKS,
    AllMasks,
    BlurBackground,
    CropForeground,
    Done,
    Edit,
    Erase,
    MaskGenerator,
    OlderCutout,
    OlderEdit,
    PictureEdit,
    ProductCutout,
    State,
)
from protocol.errors import InvalidParameter, MissingParameter, ParameterError
from protocol.json_text import read_object
from protocol.tasks import (
    ImageBackgroundBlur,
    ImageErase,
    ImageForegroundCrop,
    ImageMasking,
    ImageProductCutout,
)
from protocol.tasks.common import Safety

ID = uuid_of(1)
URL = "https://example.com/a.png"
HOOK = "https://example.com/hook"
NEWER: list[type[PictureEdit]] = [CropForeground, BlurBackground, Erase, ProductCutout, AllMasks]
OLDER: list[type[OlderEdit]] = [OlderCutout, MaskGenerator]
EVERY: list[type[Edit]] = [*NEWER, *OLDER]


def body(kind: type[Edit], **members: Any) -> dict[str, Any]:
    """The least that an endpoint takes, and more."""
    least: dict[str, Any] = {"image_url": URL} if issubclass(kind, OlderEdit) else {"image": URL}
    if kind is Erase:
        least["mask"] = URL
    return least | members


def task_of(kind: type[Edit], **members: Any) -> Any:
    return kind.of(body(kind, **members)).to_task(ID)


def error_for(kind: type[Edit], members: dict[str, Any]) -> ParameterError:
    with pytest.raises(ParameterError) as caught:
        kind.of(members).to_task(ID)
    return caught.value


# Which task it is


@pytest.mark.parametrize(
    ("kind", "task"),
    [
        (
            CropForeground,
            ImageForegroundCrop(task_uuid=ID, input_image=URL, delivery_method="async"),
        ),
        (
            BlurBackground,
            ImageBackgroundBlur(task_uuid=ID, input_image=URL, delivery_method="async"),
        ),
        (
            Erase,
            ImageErase(task_uuid=ID, input_image=URL, mask_image=URL, delivery_method="async"),
        ),
        (ProductCutout, ImageProductCutout(task_uuid=ID, input_image=URL, delivery_method="async")),
        (OlderCutout, ImageProductCutout(task_uuid=ID, input_image=URL)),
    ],
)
def test_least_request_is_the_task_with_its_defaults(kind: type[Edit], task: Any) -> None:
    assert task_of(kind) == task


@pytest.mark.parametrize("kind", [AllMasks, MaskGenerator])
def test_masks_are_asked_for_as_they_are_and_as_many_as_there_are(kind: type[Edit]) -> None:
    assert task_of(kind) == ImageMasking(
        task_uuid=ID,
        input_image=URL,
        delivery_method="async",
        max_detections=MAX_MASKS,
        mask_padding=0,
        mask_blur=0,
    )


@pytest.mark.parametrize(
    ("kind", "members", "field", "value"),
    [
        (CropForeground, {"padding": 7}, "padding", 7),
        (CropForeground, {"force_background_detection": True}, "force_background_detection", True),
        (CropForeground, {"preserve_alpha": False}, "preserve_alpha", False),
        (BlurBackground, {"scale": 1}, "scale", 1),
        (BlurBackground, {"preserve_alpha": False}, "preserve_alpha", False),
        (Erase, {"mask_type": "automatic"}, "mask_type", "automatic"),
        (Erase, {"preserve_alpha": False}, "preserve_alpha", False),
        (ProductCutout, {"sku": "A-1"}, "sku", "A-1"),
        (ProductCutout, {"force_background_detection": True}, "force_background_detection", True),
        (OlderCutout, {"force_rmbg": True}, "force_background_detection", True),
        (OlderCutout, {"preserve_alpha": False}, "preserve_alpha", False),
        (OlderCutout, {"sku": "A-1"}, "sku", "A-1"),
    ],
)
def test_member_is_the_tasks_field(
    kind: type[Edit], members: dict[str, Any], field: str, value: object
) -> None:
    assert getattr(task_of(kind, **members), field) == value


@pytest.mark.parametrize("kind", [*NEWER, MaskGenerator])
def test_edit_is_async_unless_it_says_sync(kind: type[Edit]) -> None:
    assert task_of(kind).delivery_method == "async"
    assert task_of(kind, sync=True).delivery_method == "sync"


@pytest.mark.parametrize("sync", [None, False, True])
def test_older_cutout_is_always_sync(sync: bool | None) -> None:
    assert task_of(OlderCutout, sync=sync).delivery_method == "sync"


def test_webhook_is_called_for_those_who_do_not_wait() -> None:
    assert task_of(CropForeground, webhook_url=HOOK).webhook_url == HOOK
    assert task_of(CropForeground, webhook_url=HOOK, sync=True).webhook_url is msgspec.UNSET


@pytest.mark.parametrize("kind", NEWER)
@pytest.mark.parametrize(("input_", "output"), [(True, False), (False, True), (True, True)])
def test_two_switches_are_the_tasks_safety(kind: type[Edit], input_: bool, output: bool) -> None:
    task = task_of(
        kind, visual_input_content_moderation=input_, visual_output_content_moderation=output
    )
    assert task.safety == Safety(check_inputs=input_, check_content=output)


@pytest.mark.parametrize("kind", OLDER)
def test_one_switch_of_version_1_is_both(kind: type[Edit]) -> None:
    safety = task_of(kind, content_moderation=True).safety
    assert safety == Safety(check_inputs=True, check_content=True)


@pytest.mark.parametrize("kind", EVERY)
def test_without_a_switch_there_is_no_safety(kind: type[Edit]) -> None:
    assert task_of(kind).safety is msgspec.UNSET


# What is taken


@pytest.mark.parametrize("kind", EVERY)
def test_unknown_members_are_ignored(kind: type[Edit]) -> None:
    assert task_of(kind, seed=7, version=2, output_type="png", taskUUID="x") == task_of(kind)


@pytest.mark.parametrize("kind", EVERY)
def test_null_is_as_if_it_was_not_given(kind: type[Edit]) -> None:
    optional = {
        field.encode_name: None
        for field in msgspec.structs.fields(kind)
        if field.encode_name not in body(kind)
    }
    assert task_of(kind, **optional) == task_of(kind)


@pytest.mark.parametrize("kind", OLDER)
def test_image_url_wins_over_file(kind: type[Edit]) -> None:
    assert task_of(kind, file="AAAA").input_image == URL


@pytest.mark.parametrize("kind", OLDER)
@pytest.mark.parametrize("image_url", [None, ""])
def test_file_is_used_without_an_image_url(kind: type[Edit], image_url: str | None) -> None:
    assert task_of(kind, image_url=image_url, file="AAAA").input_image == "AAAA"


# What is refused


@pytest.mark.parametrize(
    ("kind", "member"),
    [(kind, "image") for kind in NEWER] + [(Erase, "mask")],
)
@pytest.mark.parametrize("value", [None, ...])
def test_required_member_is_missed_by_name(kind: type[Edit], member: str, value: object) -> None:
    members = body(kind, **{member: value})
    if value is ...:
        del members[member]
    error = error_for(kind, members)
    assert (type(error), error.parameter) == (MissingParameter, member)


@pytest.mark.parametrize("kind", OLDER)
@pytest.mark.parametrize("members", [{}, {"sku": "A"}, {"image_url": "", "file": ""}])
def test_version_1_misses_both_names_of_the_image(
    kind: type[Edit], members: dict[str, Any]
) -> None:
    error = error_for(kind, members)
    assert type(error) is MissingParameter
    assert "image_url and file" in error.message


WRONG: list[tuple[type[Edit], str, list[Any]]] = [
    (CropForeground, "image", [5, [], {}, True]),
    (CropForeground, "padding", [-1, 4097, 1.5, "5", True, [], 10**9]),
    (CropForeground, "preserve_alpha", ["maybe", 1, 0, "true"]),
    (CropForeground, "force_background_detection", ["maybe", 1]),
    (CropForeground, "sync", ["maybe", 1]),
    (CropForeground, "visual_input_content_moderation", ["maybe", 1]),
    (CropForeground, "visual_output_content_moderation", ["maybe", 1]),
    (CropForeground, "webhook_url", [1, "ftp://example.com/", "x", []]),
    (BlurBackground, "scale", [0, 6, -1, 2.5, "3", True, []]),
    (Erase, "mask", [3, [], True]),
    (Erase, "mask_type", ["magic", "MANUAL", 1, []]),
    (ProductCutout, "sku", [1, "s" * 257]),
    (OlderCutout, "image_url", [1, []]),
    (OlderCutout, "file", [1, []]),
    (OlderCutout, "force_rmbg", ["yes"]),
    (OlderCutout, "content_moderation", ["yes"]),
    (OlderCutout, "sync", [1]),
    (MaskGenerator, "sync", [1]),
]


@pytest.mark.parametrize(
    ("kind", "member", "value"),
    [(kind, member, value) for kind, member, values in WRONG for value in values],
)
def test_wrong_member_is_refused_by_name(kind: type[Edit], member: str, value: object) -> None:
    error = error_for(kind, body(kind, **{member: value}))
    assert (type(error), error.parameter) == (InvalidParameter, member)
    assert member in error_object(error, {}).details


# What errors call the fields


@pytest.mark.parametrize(
    ("kind", "members", "name"),
    [
        (CropForeground, {}, "image"),
        (OlderCutout, {}, "image_url"),
        (OlderCutout, {"image_url": None, "file": "AAAA"}, "file"),
    ],
)
def test_image_is_called_what_the_client_called_it(
    kind: type[Edit], members: dict[str, Any], name: str
) -> None:
    assert kind.of(body(kind, **members)).names()["inputImage"] == name


@pytest.mark.parametrize(
    ("kind", "switch"),
    [
        (CropForeground, "visual_input_content_moderation"),
        (CropForeground, "visual_output_content_moderation"),
        (OlderCutout, "content_moderation"),
    ],
)
def test_moderation_is_called_by_the_switch_that_was_set(kind: type[Edit], switch: str) -> None:
    assert kind.of(body(kind, **{switch: True})).names()["safety"] == switch


@pytest.mark.parametrize("kind", EVERY)
def test_every_renamed_field_is_one_of_the_endpoint_or_of_none(kind: type[Edit]) -> None:
    """A name that the endpoint does not have would send its client looking for it."""
    own = {field.encode_name for field in msgspec.structs.fields(kind)}
    task_fields = {field.encode_name for field in msgspec.structs.fields(type(task_of(kind)))}
    names = kind.of(body(kind)).names()
    assert {names[field] for field in task_fields & set(names)} <= own


# Bodies


@pytest.mark.parametrize("text", [b"[]", b'"x"', b"null", b"1", b"{", b"\xff\xfe", b"", b"{} {}"])
def test_body_that_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(Exception, match=r"JSON"):
        read_object(text)


def test_key_that_is_given_twice_is_refused_by_name() -> None:
    with pytest.raises(InvalidParameter, match=r'"image" is given twice'):
        read_object(b'{"image": "a", "image": "b"}')


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(Exception, match=r"deep"):
        read_object(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}")


# Replies


def test_reply_to_a_client_that_waited() -> None:
    done = Done(result={"image_url": URL}, request_id=ID)
    assert msgspec.json.decode(msgspec.json.encode(done)) == {
        "result": {"image_url": URL},
        "request_id": ID,
    }


def test_state_has_only_what_it_knows() -> None:
    state = State(status="IN_PROGRESS", request_id=ID)
    assert msgspec.to_builtins(state) == {"status": "IN_PROGRESS", "request_id": ID}


def test_state_of_a_failure_has_the_error_object() -> None:
    error = EditError(code=460, message="M.", details="D.")
    state = msgspec.to_builtins(State(status="ERROR", request_id=ID, error=error))
    assert state["error"] == {"code": 460, "message": "M.", "details": "D."}
