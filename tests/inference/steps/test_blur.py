"""The ground alone is blurred; the subject stays; the input's alpha by the rules."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from inference.kernels.laying import lay_over_ground
from inference.picture import Picture
from inference.steps.blur import blur_background, blurred_ground
from inference.steps.foreground import NO_COLOURS

SIDE = 96
RED, GREEN = (255, 0, 0), (0, 160, 0)


def scene() -> tuple[Picture, np.ndarray]:
    """A red square on green, and its mask."""
    rgb = np.full((SIDE, SIDE, 3), GREEN, np.uint8)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[32:64, 32:64] = 255
    rgb[mask == 255] = RED
    return Picture(rgb), mask


def noise() -> Picture:
    return Picture(np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 3), np.uint8))


def ground_of(picture: Picture, mask: np.ndarray, scale: int) -> np.ndarray:
    """The blurred ground at the picture's size."""
    ground, shrink = blurred_ground(picture, mask, scale)
    nothing, large = np.zeros_like(mask), np.empty_like(picture.rgb)
    lay_over_ground(
        *(picture.rgb, nothing, nothing, NO_COLOURS.cells, NO_COLOURS.grid),
        *(ground, shrink, large),
    )
    return large


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5])
def test_nothing_of_the_subject_bleeds_into_the_ground(scale: int) -> None:
    picture, mask = scene()
    assert np.abs(ground_of(picture, mask, scale).astype(int) - GREEN).max() <= 2


@pytest.mark.parametrize("scale", [1, 3, 5])
def test_subject_is_bit_identical(scale: int) -> None:
    mask = scene()[1]
    result = blur_background(noise(), mask, scale, preserve_alpha=True)
    assert (result.rgb[mask == 255] == noise().rgb[mask == 255]).all()


def test_each_scale_is_blurrier_than_the_one_before() -> None:
    nothing = np.zeros((SIDE, SIDE), np.uint8)
    left = [ground_of(noise(), nothing, scale).std() for scale in (1, 2, 3, 4, 5)]
    assert all(after < 0.8 * before for before, after in pairwise(left))


def test_radius_grows_with_the_picture() -> None:
    def edge_width(side: int) -> int:
        rgb = np.zeros((side, side, 3), np.uint8)
        rgb[:, side // 2 :] = 255
        row = ground_of(Picture(rgb), np.zeros((side, side), np.uint8), 5)[side // 2, :, 0]
        return int(((row > 25) & (row < 230)).sum())

    assert edge_width(256) >= 3 * edge_width(64)


def test_blur_does_not_move_the_picture() -> None:
    rgb = np.zeros((101, 203, 3), np.uint8)
    rgb[:, 101:] = 255
    row = ground_of(Picture(rgb), np.zeros((101, 203), np.uint8), 5)[50, :, 0]
    assert abs(int(np.argmax(row > 127)) - 101) <= 1


def test_without_a_subject_all_is_blurred() -> None:
    result = blur_background(noise(), np.zeros((SIDE, SIDE), np.uint8), 5, preserve_alpha=True)
    assert result.rgb.std() < 10


def test_haze_is_no_subject() -> None:
    picture, haze = noise(), np.full((SIDE, SIDE), 127, np.uint8)
    nothing = np.zeros_like(haze)
    wanted = blur_background(picture, nothing, 5, preserve_alpha=True)
    found = blur_background(picture, haze, 5, preserve_alpha=True)
    assert (found.rgb == wanted.rgb).all()


def test_a_subject_that_fills_the_picture_stays() -> None:
    full = np.full((SIDE, SIDE), 255, np.uint8)
    assert (blur_background(noise(), full, 5, preserve_alpha=True).rgb == noise().rgb).all()


def test_the_inputs_alpha_is_kept() -> None:
    picture, mask = scene()
    own = np.tile(np.linspace(0, 255, SIDE).astype(np.uint8), (SIDE, 1))
    result = blur_background(Picture(picture.rgb, own), mask, 3, preserve_alpha=True)
    assert result.alpha is not None
    assert (result.alpha == own).all()


def test_an_alpha_that_is_not_kept_is_laid_over_the_blurred_ground() -> None:
    picture, mask = scene()
    own = mask.copy()
    own[:8] = 255
    result = blur_background(Picture(picture.rgb, own), mask, 3, preserve_alpha=False)
    assert result.alpha is None
    assert np.abs(result.rgb[80, 10].astype(int) - GREEN).max() <= 3
    assert result.rgb[48, 48].tolist() == list(RED)
