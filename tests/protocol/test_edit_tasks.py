"""The tasks that crop, blur, erase and mask: defaults, ranges, and both ways to send a field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes import uuid_of

from protocol.decoding import Failed, decode_message
from protocol.task_errors import code_of
from protocol.tasks import (
    ImageBackgroundBlur,
    ImageErase,
    ImageForegroundCrop,
    ImageMasking,
    ImageProductCutout,
)


def decoded(task_type: str, **fields: Any) -> Any:
    task = {"taskType": task_type, "taskUUID": uuid_of(1)} | fields
    (element,) = decode_message(json.dumps([task]), max_tasks=1)
    return element


def refusal(task_type: str, **fields: Any) -> tuple[str, str | None]:
    element = decoded(task_type, inputImage="x", **fields)
    assert isinstance(element, Failed)
    return code_of(element.error), element.error.parameter


def test_crop_pads_nothing_and_keeps_alpha_by_default() -> None:
    task = decoded("imageForegroundCrop", inputImage="x")
    assert isinstance(task, ImageForegroundCrop)
    assert (task.padding, task.force_background_detection, task.preserve_alpha) == (0, False, True)


def test_cutout_keeps_alpha_by_default() -> None:
    task = decoded("imageProductCutout", inputImage="x")
    assert isinstance(task, ImageProductCutout)
    assert (task.sku, task.force_background_detection, task.preserve_alpha) == ("", False, True)


def test_blur_is_strongest_by_default() -> None:
    task = decoded("imageBackgroundBlur", inputImage="x")
    assert isinstance(task, ImageBackgroundBlur)
    assert (task.scale, task.preserve_alpha) == (5, True)


def test_erase_takes_a_mask_as_drawn_by_hand_by_default() -> None:
    task = decoded("imageErase", inputImage="x", maskImage="y")
    assert isinstance(task, ImageErase)
    assert (task.mask_type, task.preserve_alpha, task.output_format) == ("manual", True, "PNG")


def test_masking_has_the_dialects_defaults() -> None:
    task = decoded("imageMasking", inputImage="x")
    assert isinstance(task, ImageMasking)
    told = (task.max_detections, task.confidence, task.mask_padding, task.mask_blur)
    assert told == (6, 0.25, 4, 4)


@pytest.mark.parametrize(
    ("task_type", "field", "low", "high"),
    [
        ("imageForegroundCrop", "padding", 0, 4096),
        ("imageBackgroundBlur", "scale", 1, 5),
        ("imageMasking", "maxDetections", 1, 20),
        ("imageMasking", "confidence", 0, 1),
        ("imageMasking", "maskPadding", -40, 40),
        ("imageMasking", "maskBlur", 0, 20),
    ],
)
def test_numbers_are_taken_up_to_their_limits_and_refused_beyond(
    task_type: str, field: str, low: int, high: int
) -> None:
    code = f"invalid{field[0].upper()}{field[1:]}"
    for value in (low, high):
        assert not isinstance(decoded(task_type, inputImage="x", **{field: value}), Failed)
    for value in (low - 1, high + 1):
        assert refusal(task_type, **{field: value}) == (code, field)


@pytest.mark.parametrize("value", [1.5, "3", None, [], True])
def test_scale_must_be_a_whole_number(value: Any) -> None:
    assert refusal("imageBackgroundBlur", scale=value) == ("invalidScale", "scale")


def test_erase_needs_a_mask() -> None:
    assert refusal("imageErase") == ("missingMaskImage", "maskImage")


def test_mask_type_is_manual_or_automatic() -> None:
    element = decoded("imageErase", inputImage="x", maskImage="y", maskType="other")
    assert element.error.constraint.allowed_values == ["automatic", "manual"]


def test_images_may_come_under_inputs() -> None:
    task = decoded("imageErase", inputs={"image": "x", "mask": "y"})
    assert (task.input_image, task.mask_image) == ("x", "y")


def test_settings_may_come_under_settings() -> None:
    settings = {"padding": 7, "forceBackgroundDetection": True}
    task = decoded("imageForegroundCrop", inputImage="x", settings=settings)
    assert (task.padding, task.force_background_detection) == (7, True)


def test_a_field_that_comes_both_ways_is_refused() -> None:
    given = {"scale": 2, "settings": {"scale": 3}}
    assert refusal("imageBackgroundBlur", **given) == ("invalidScale", "scale")


def test_an_unknown_setting_is_refused_by_name() -> None:
    told = refusal("imageErase", maskImage="y", settings={"feather": 3})
    assert told == ("unknownParameter", "settings.feather")
