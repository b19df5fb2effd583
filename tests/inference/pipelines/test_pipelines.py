"""Each pipeline on a fake machine: which mask counts, what is kept, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fakes import uuid_of

from inference.picture import Picture
from inference.pipelines import PIPELINES
from inference.steps.holes import Hole
from inference.steps.regions import Regions
from protocol.errors import InvalidParameter, NoForegroundDetected
from protocol.tasks import (
    ImageBackgroundBlur,
    ImageErase,
    ImageForegroundCrop,
    ImageMasking,
    ImageProductCutout,
    RemoveBackground,
)

SIDE = 32
COMMON: dict[str, Any] = {"task_uuid": uuid_of(1), "input_image": ""}


class FakeTools:
    """A machine whose network sees a square in the middle, and paints holes red."""

    def __init__(self, mask: np.ndarray | None = None) -> None:
        self.segmented = 0
        self.mask = square() if mask is None else mask

    async def segment(self, picture: Picture) -> np.ndarray:
        self.segmented += 1
        return self.mask[: picture.height, : picture.width]

    async def inpaint(self, rgb: np.ndarray, hole: Hole) -> np.ndarray:
        return np.broadcast_to(np.array([255, 0, 0], np.uint8), rgb.shape)

    async def matte(self, rgb: np.ndarray, trimap: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.where(trimap == 128, 77, trimap).astype(np.uint8)

    async def cpu(self, step: Callable[..., Any], *args: object) -> Any:
        return step(*args)

    def check_deadline(self) -> None:
        """There is time."""


def square(side: int = 16) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    low = (SIDE - side) // 2
    mask[low : low + side, low : low + side] = 255
    return mask


def picture(alpha: np.ndarray | None = None) -> Picture:
    rgb = np.random.default_rng(5).integers(1, 256, (SIDE, SIDE, 3), np.uint8)
    return Picture(rgb, alpha)


def own_alpha() -> np.ndarray:
    """Half seen on the left eight columns, nothing elsewhere."""
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    alpha[:, :8] = 128
    return alpha


async def run(task: Any, *pictures: Picture, tools: FakeTools | None = None) -> Any:
    return await PIPELINES[type(task)](task, *pictures, tools or FakeTools())


@pytest.mark.parametrize("kind", [ImageForegroundCrop, ImageProductCutout])
async def test_crops_are_as_large_as_the_subject(kind: Any) -> None:
    result = await run(kind(**COMMON), picture())
    assert (result.width, result.height) == (16, 16)


async def test_crop_adds_its_padding() -> None:
    result = await run(ImageForegroundCrop(**COMMON, padding=30), picture())
    assert (result.width, result.height) == (76, 76)


async def test_crop_refuses_a_padding_that_is_too_large_for_the_canvas() -> None:
    with pytest.raises(InvalidParameter) as caught:
        await run(ImageForegroundCrop(**COMMON, padding=4096), picture())
    assert caught.value.parameter == "padding"


@pytest.mark.parametrize("kind", [ImageForegroundCrop, ImageProductCutout])
async def test_nothing_found_is_an_error(kind: Any) -> None:
    with pytest.raises(NoForegroundDetected):
        await run(kind(**COMMON), picture(), tools=FakeTools(np.zeros((SIDE, SIDE), np.uint8)))


@pytest.mark.parametrize("kind", [ImageForegroundCrop, ImageProductCutout])
async def test_an_alpha_of_its_own_is_the_foreground_and_no_network_runs(kind: Any) -> None:
    tools = FakeTools()
    result = await run(kind(**COMMON), picture(own_alpha()), tools=tools)
    assert (result.width, result.height) == (8, SIDE)
    assert (result.alpha == 128).all()
    assert tools.segmented == 0


@pytest.mark.parametrize("kind", [ImageForegroundCrop, ImageProductCutout])
async def test_an_alpha_that_is_not_kept_becomes_opaque(kind: Any) -> None:
    result = await run(kind(**COMMON, preserve_alpha=False), picture(own_alpha()))
    assert (result.alpha == 255).all()


@pytest.mark.parametrize("kind", [ImageForegroundCrop, ImageProductCutout])
async def test_forced_detection_multiplies_with_an_alpha_that_is_kept(kind: Any) -> None:
    alpha = np.full((SIDE, SIDE), 128, np.uint8)
    result = await run(kind(**COMMON, force_background_detection=True), picture(alpha))
    assert (result.width, result.height) == (16, 16)
    assert (result.alpha == 128).all()


@pytest.mark.parametrize("kind", [ImageForegroundCrop, ImageProductCutout])
async def test_forced_detection_alone_counts_where_alpha_is_not_kept(kind: Any) -> None:
    alpha = np.full((SIDE, SIDE), 128, np.uint8)
    wishes = {"force_background_detection": True, "preserve_alpha": False}
    result = await run(kind(**COMMON, **wishes), picture(alpha))
    assert (result.alpha == 255).all()


async def test_blur_keeps_the_size_and_the_subject() -> None:
    result = await run(ImageBackgroundBlur(**COMMON), picture())
    assert result.rgb.shape == picture().rgb.shape
    assert (result.rgb[square() == 255] == picture().rgb[square() == 255]).all()
    assert result.alpha is None


@pytest.mark.parametrize(("is_kept", "lowest"), [(True, 0), (False, 255)])
async def test_blur_keeps_an_alpha_or_becomes_opaque(is_kept: bool, lowest: int) -> None:
    result = await run(ImageBackgroundBlur(**COMMON, preserve_alpha=is_kept), picture(own_alpha()))
    alpha = np.full(1, 255) if result.alpha is None else result.alpha
    assert alpha.min() == lowest


def mask_picture(grey: np.ndarray) -> Picture:
    return Picture(np.repeat(grey[..., np.newaxis], 3, axis=2))


@pytest.mark.parametrize("mask_type", ["manual", "automatic"])
async def test_erase_writes_the_hole_alone(mask_type: str) -> None:
    task = ImageErase(**COMMON, mask_image="", mask_type=mask_type)
    result = await run(task, picture(), mask_picture(square()))
    assert (result.rgb[square() == 0] == picture().rgb[square() == 0]).all()
    assert (result.rgb[square() == 255] == (255, 0, 0)).all()


async def test_erase_with_a_black_mask_changes_nothing() -> None:
    result = await run(ImageErase(**COMMON, mask_image=""), picture(), mask_picture(square(0)))
    assert (result.rgb == picture().rgb).all()


@pytest.mark.parametrize("is_kept", [True, False])
async def test_erase_keeps_an_alpha_only_where_asked(is_kept: bool) -> None:
    task = ImageErase(**COMMON, mask_image="", preserve_alpha=is_kept)
    result = await run(task, picture(own_alpha()), mask_picture(square()))
    assert (result.alpha is not None) == is_kept


async def test_erase_refuses_a_mask_of_another_shape() -> None:
    with pytest.raises(InvalidParameter) as caught:
        await run(ImageErase(**COMMON, mask_image=""), picture(), mask_picture(square()[:, :20]))
    assert caught.value.parameter == "maskImage"


async def test_masking_finds_the_subject() -> None:
    result = await run(ImageMasking(**COMMON, mask_padding=0, mask_blur=0), picture())
    assert isinstance(result, Regions)
    first = result.mask(result.found[0])
    assert (first >= 128).sum() == (square() == 255).sum()


async def test_masking_looks_at_parts_of_the_picture_too() -> None:
    tools = FakeTools()
    await run(ImageMasking(**COMMON), picture(), tools=tools)
    assert tools.segmented > 1


async def test_matting_solves_only_between_the_thresholds() -> None:
    task = RemoveBackground(
        **COMMON, alpha_matting=True, return_only_mask=True, alpha_matting_erode_size=1
    )
    mask = square()
    mask[:, :4] = 128
    alpha = await run(task, picture(), tools=FakeTools(mask))
    assert (alpha[:, :4] == 77).all()
    assert alpha[SIDE // 2, SIDE // 2] == 255
