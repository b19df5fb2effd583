"""What the page is told of the tasks is what their structs say."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from inference.coding import PictureLimits
from inference.models import Catalogue, ModelSettings
from protocol.tasks import ImageBackgroundRemoval, JobTask, PictureTask
from server.playground import describe_tasks


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return describe_tasks(Catalogue(ModelSettings()), PictureLimits(), message_bytes=1000)


def field(told: dict[str, Any], task: str, name: str) -> dict[str, Any]:
    (fields,) = [each["fields"] for each in told["tasks"] if each["taskType"] == task]
    (found,) = [each for each in fields if each["name"] == name]
    return dict(found)


def test_every_picture_task_has_a_form_and_its_other_name_has_none(told: dict[str, Any]) -> None:
    kinds = {kind for kind in get_args(JobTask) if issubclass(kind, PictureTask)}
    names = {kind.__struct_config__.tag for kind in kinds - {ImageBackgroundRemoval}}
    assert sorted(task["taskType"] for task in told["tasks"]) == sorted(names)


@pytest.mark.parametrize(
    ("task", "name", "said"),
    [
        ("imageBackgroundBlur", "scale", {"type": "integer", "min": 1, "max": 5, "default": 5}),
        ("imageMasking", "confidence", {"type": "number", "min": 0, "max": 1, "default": 0.25}),
        ("imageErase", "maskType", {"type": "choice", "choices": ["automatic", "manual"]}),
        ("imageErase", "maskImage", {"type": "string", "isRequired": True}),
        ("imageProductCutout", "sku", {"type": "string", "maxLength": 256}),
        ("removeBackground", "rgba", {"type": "colour", "isRequired": False}),
        ("removeBackground", "alphaMatting", {"type": "boolean", "default": False}),
        ("removeBackground", "safety.checkInputs", {"type": "boolean", "default": False}),
        ("removeBackground", "outputFormat", {"choices": ["JPG", "PNG", "WEBP"]}),
    ],
)
def test_field_has_the_range_and_the_default_of_its_struct(
    told: dict[str, Any], task: str, name: str, said: dict[str, Any]
) -> None:
    found = {key: field(told, task, name)[key] for key in said}
    assert {key: list(v) if isinstance(v, tuple) else v for key, v in found.items()} == said


def test_what_the_page_decides_itself_is_not_asked_for(told: dict[str, Any]) -> None:
    names = {each["name"] for task in told["tasks"] for each in task["fields"]}
    assert not names & {"taskUUID", "deliveryMethod", "numberResults"}


def test_models_are_those_on_this_machine(told: dict[str, Any]) -> None:
    here = [row.name for row in Catalogue(ModelSettings()).available("segment")]
    assert told["models"]["segment"] == here
    assert "embedded" in told["models"]["inpaint"]


def test_limits_are_told(told: dict[str, Any]) -> None:
    assert told["limits"] == {"pictureBytes": 12_000_000, "messageBytes": 1000}
