"""Every task type: in the tables, encodable, and hashable into a job."""

from __future__ import annotations

import json
from typing import Any, get_args

import msgspec
import pytest
from fakes import plain_task, uuid_of

from inference.pipelines import PIPELINES
from protocol.decoding import decode_message, task_types
from protocol.tasks import AnyTask, JobTask, Message, PictureTask, Task
from server.pricing import PriceSettings

EXAMPLES: dict[str, dict[str, Any]] = {
    "authentication": {"apiKey": "k", "connectionSessionUUID": uuid_of(8)},
    "ping": {"ping": True},
    "getResponse": {"taskUUID": uuid_of(1)},
    "imageUpload": {"taskUUID": uuid_of(1), "image": "x"},
}
COMMON = {
    "taskUUID": uuid_of(1),
    "inputImage": "x",
    "model": "u2net",
    "outputType": "URL",
    "outputFormat": "WEBP",
    "outputQuality": 80,
    "includeCost": True,
    "deliveryMethod": "async",
    "numberResults": 1,
    "webhookURL": "https://example.com/hook",
    "uploadEndpoint": "https://example.com/put",
    "ttl": 600,
    "safety": {"checkInputs": False, "checkContent": True, "tolerance": True, "mode": "fast"},
}
REMOVAL = COMMON | {
    "rgba": [1, 2, 3, 0.5],
    "postProcessMask": True,
    "returnOnlyMask": True,
    "alphaMatting": True,
    "alphaMattingForegroundThreshold": 200,
    "alphaMattingBackgroundThreshold": 20,
    "alphaMattingErodeSize": 7,
}
EXAMPLES |= dict.fromkeys(("removeBackground", "imageBackgroundRemoval"), REMOVAL)
DETECTION = {"forceBackgroundDetection": True, "preserveAlpha": False}
EXAMPLES |= {
    "imageForegroundCrop": COMMON | DETECTION | {"padding": 12},
    "imageProductCutout": COMMON | DETECTION | {"sku": "A-1"},
    "imageBackgroundBlur": COMMON | {"scale": 2, "preserveAlpha": False},
    "imageErase": COMMON | {"maskImage": "y", "maskType": "automatic", "preserveAlpha": False},
    "imageMasking": COMMON
    | {"maxDetections": 3, "confidence": 0.5, "maskPadding": -3, "maskBlur": 0},
}


KINDS = {kind.__struct_config__.tag: kind for kind in get_args(Message)}


def example(name: str) -> Any:
    """A task with all its fields where there is an example above, else with the required ones."""
    if name not in EXAMPLES:
        return plain_task(KINDS[name])
    (element,) = decode_message(json.dumps([{"taskType": name} | EXAMPLES[name]]), max_tasks=1)
    return element


def test_task_types_are_those_of_the_structs() -> None:
    assert sorted(KINDS) == task_types()


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_example_names_every_field(name: str) -> None:
    kind = type(example(name))
    assert {field.encode_name for field in msgspec.structs.fields(kind)} == set(EXAMPLES[name])


@pytest.mark.parametrize("name", task_types())
def test_task_is_the_same_after_json(name: str) -> None:
    task = example(name)
    assert msgspec.json.decode(msgspec.json.encode(task), type=Message) == task


@pytest.mark.parametrize("name", task_types())
def test_task_is_encoded_under_its_wire_names(name: str) -> None:
    encoded = json.loads(msgspec.json.encode(example(name)))
    wire_names = {field.encode_name for field in msgspec.structs.fields(KINDS[name])}
    assert encoded["taskType"] == name
    assert set(encoded) - {"taskType"} <= wire_names


@pytest.mark.parametrize("kind", get_args(AnyTask))
def test_every_task_has_a_uuid_and_tells_its_type(kind: type[Task]) -> None:
    assert issubclass(kind, Task)
    assert kind.__struct_config__.tag in task_types()


@pytest.mark.parametrize("kind", get_args(Message))
def test_every_message_is_frozen(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen


@pytest.mark.parametrize("kind", get_args(Message))
def test_every_field_is_given_by_name(kind: type[Any]) -> None:
    with pytest.raises(TypeError):
        kind("positional")


def test_every_task_that_a_worker_runs_has_a_pipeline() -> None:
    assert set(PIPELINES) == set(get_args(JobTask))


@pytest.mark.parametrize("kind", get_args(JobTask))
def test_task_that_a_worker_runs_has_a_price_of_its_own(kind: type[Any]) -> None:
    assert kind.__struct_config__.tag in PriceSettings().base


@pytest.mark.parametrize("kind", get_args(JobTask))
def test_task_that_a_worker_runs_names_its_images(kind: type[Any]) -> None:
    images = example(kind.__struct_config__.tag).image_fields()
    wire_names = {field.encode_name for field in msgspec.structs.fields(kind)}
    assert images
    assert set(images) <= wire_names


@pytest.mark.parametrize("kind", get_args(JobTask))
def test_job_carries_no_image_data(kind: type[Any]) -> None:
    task = example(kind.__struct_config__.tag).without_images()
    assert set(task.image_fields().values()) == {""}
    assert type(task) is kind


@pytest.mark.parametrize(
    "kind", [kind for kind in get_args(AnyTask) if issubclass(kind, PictureTask)]
)
def test_group_members_stand_for_fields_of_the_task(kind: type[PictureTask]) -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(kind)}
    for names in kind.GROUPS.values():
        assert set(names.values()) <= fields
