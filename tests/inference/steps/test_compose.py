"""Straight alpha, true colours, the colour behind the soft edge, nothing of the background."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.picture import Picture
from inference.steps.compose import combine_alpha, cut_out, flatten, multiply_alpha, paint_behind

Bytes = NDArray[np.uint8]
ALPHA = np.array([[0, 0, 255, 255], [0, 128, 255, 255]] * 2, np.uint8)
RGB = np.random.default_rng(8).integers(1, 256, (4, 4, 3), np.uint8)
OWN = np.array([[0, 1, 100, 255]] * 4, np.uint8)
MASK = np.array([[255, 255, 128, 0]] * 4, np.uint8)


def flat(colour: tuple[int, int, int]) -> Bytes:
    return np.full((4, 4, 3), colour, np.uint8)


def test_a_cut_out_is_black_where_it_is_transparent() -> None:
    assert not cut_out(Picture(RGB), ALPHA).rgb[ALPHA == 0].any()


def test_a_cut_out_keeps_opaque_pixels_bit_by_bit() -> None:
    result = cut_out(Picture(RGB), ALPHA)
    assert (result.rgb[ALPHA == 255] == RGB[ALPHA == 255]).all()
    assert result.alpha is not None
    assert (result.alpha == ALPHA).all()


def test_colours_under_an_alpha_of_the_pictures_own_are_true_already() -> None:
    result = cut_out(Picture(RGB, OWN), OWN)
    assert (result.rgb[OWN > 0] == RGB[OWN > 0]).all()


def test_an_opaque_colour_behind_leaves_no_alpha() -> None:
    result = paint_behind(Picture(flat((200, 0, 0))), ALPHA, (0, 0, 100, 255))
    assert result.alpha is None
    assert result.rgb[0, 0].tolist() == [0, 0, 100]
    assert result.rgb[0, 3].tolist() == [200, 0, 0]


def test_the_colour_lies_behind_the_soft_edge() -> None:
    soft = np.full((4, 4), 128, np.uint8)
    result = paint_behind(Picture(flat((200, 0, 0)), soft), soft, (0, 0, 100, 255))
    assert result.rgb[0, 0].tolist() == [100, 0, 50]


def test_a_colour_that_shines_through_follows_the_over_operator() -> None:
    soft = np.full((4, 4), 51, np.uint8)  # 0.2 over 0.5: 0.2 + 0.8 · 0.5 = 0.6
    result = paint_behind(Picture(flat((240, 0, 0)), soft), soft, (0, 0, 120, 128))
    assert result.alpha is not None
    assert abs(int(result.alpha[0, 0]) - 153) <= 1
    assert np.abs(result.rgb[0, 0].astype(int) - [80, 0, 80]).max() <= 1


def test_a_transparent_colour_behind_is_the_cut_out() -> None:
    painted = paint_behind(Picture(RGB), ALPHA, (9, 9, 9, 0))
    cut = cut_out(Picture(RGB), ALPHA)
    assert painted.alpha is not None
    assert (painted.alpha == ALPHA).all()
    assert np.abs(painted.rgb.astype(int) - cut.rgb).max() <= 1


def test_flattening_takes_the_colours_as_they_are() -> None:
    result = flatten(Picture(flat((0, 0, 0)), OWN), (255, 255, 255))
    assert result.alpha is None
    assert result.rgb[0, :, 0].tolist() == [255, 254, 155, 0]


def test_flattening_an_opaque_picture_changes_nothing() -> None:
    picture = Picture(RGB)
    assert flatten(picture) is picture


@pytest.mark.parametrize(
    ("force", "preserve", "wanted"),
    [
        (False, True, [0, 1, 100, 255]),
        (False, False, [0, 255, 255, 255]),
        (True, True, [0, 1, 50, 0]),
        (True, False, [255, 255, 128, 0]),
    ],
)
def test_an_alpha_of_its_own_follows_the_table(
    force: bool, preserve: bool, wanted: list[int]
) -> None:
    alpha = combine_alpha(
        Picture(RGB, OWN), MASK, force_background_detection=force, preserve_alpha=preserve
    )
    assert alpha[0].tolist() == wanted


@pytest.mark.parametrize("preserve", [True, False])
@pytest.mark.parametrize("force", [True, False])
def test_without_an_alpha_the_mask_counts(force: bool, preserve: bool) -> None:
    picture = Picture(RGB)
    assert (
        combine_alpha(picture, MASK, force_background_detection=force, preserve_alpha=preserve)
        is MASK
    )


def test_a_mask_that_counts_must_be_there() -> None:
    with pytest.raises(ValueError, match="a mask is needed"):
        combine_alpha(Picture(RGB), None, force_background_detection=False, preserve_alpha=True)


def test_alphas_multiply_exactly() -> None:
    first, second = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    wanted = np.rint(first.astype(float) * second / 255)
    assert (multiply_alpha(first, second) == wanted).all()
