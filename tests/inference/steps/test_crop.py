"""Tight to what is visible, padding exact, refusals by name."""

from __future__ import annotations

import numpy as np
import pytest

from inference.picture import Picture
from inference.steps.crop import MAX_PIXELS, clear_haze, crop_subject, max_padding, trim
from protocol.errors import InvalidParameter, NoForegroundDetected

RGB = np.random.default_rng(4).integers(1, 256, (4, 4, 3), np.uint8)
ALPHA = np.array([[0, 0, 0, 0], [0, 255, 1, 0], [0, 255, 255, 0], [0, 0, 0, 0]], np.uint8)


def test_crop_holds_every_visible_pixel_and_no_more() -> None:
    result = crop_subject(Picture(RGB), ALPHA)
    assert result.alpha is not None
    assert result.alpha.tolist() == [[255, 1], [255, 255]]


def test_opaque_colours_are_kept_bit_by_bit() -> None:
    result = crop_subject(Picture(RGB), ALPHA)
    assert (result.rgb[1] == RGB[2, 1:3]).all()


@pytest.mark.parametrize("padding", [1, 3, 200])
def test_padding_is_exact_even_beyond_the_pictures_edge(padding: int) -> None:
    result = crop_subject(Picture(RGB), ALPHA, padding)
    assert (result.width, result.height) == (2 + 2 * padding, 2 + 2 * padding)
    assert result.alpha is not None
    assert result.alpha[padding : padding + 2, padding : padding + 2].tolist() == [
        [255, 1],
        [255, 255],
    ]
    assert int((result.alpha > 0).sum()) == 4


def test_room_added_is_transparent_black() -> None:
    result = crop_subject(Picture(RGB), ALPHA, 1)
    assert not result.rgb[0].any()


def test_nothing_visible_is_an_error_of_its_own() -> None:
    with pytest.raises(NoForegroundDetected):
        crop_subject(Picture(RGB), np.zeros((4, 4), np.uint8))


def test_a_canvas_over_the_limit_names_padding_and_what_is_allowed() -> None:
    with pytest.raises(InvalidParameter) as caught:
        crop_subject(Picture(RGB), ALPHA, 4096)
    assert caught.value.parameter == "padding"
    assert caught.value.constraint.max == max_padding(2, 2)


@pytest.mark.parametrize(
    ("width", "height"), [(2, 2), (7_000, 5_000), (16_384, 10), (7_071, 7_071)]
)
def test_largest_padding_is_within_both_limits_and_one_more_is_not(width: int, height: int) -> None:
    def fits(padding: int) -> bool:
        wide, high = width + 2 * padding, height + 2 * padding
        return max(wide, high) <= 16_384 and wide * high <= MAX_PIXELS

    largest = max_padding(width, height)
    assert fits(largest)
    assert not fits(largest + 1)


def test_a_faint_part_apart_from_the_subject_is_haze() -> None:
    mask = np.zeros((4, 4), np.uint8)
    mask[:2, :2], mask[3, 3] = 255, 90
    assert clear_haze(mask).tolist() == np.where(mask == 90, 0, mask).tolist()


def test_a_mask_that_is_sure_nowhere_holds_no_subject() -> None:
    assert not clear_haze(np.full((4, 4), 60, np.uint8)).any()


def test_haze_that_is_larger_than_the_subject_is_haze_still() -> None:
    mask = np.zeros((40, 100), np.uint8)
    mask[:, :98], mask[0, 99] = 60, 255
    assert clear_haze(mask).tolist() == np.where(mask == 60, 0, mask).tolist()


def test_a_soft_edge_is_no_haze() -> None:
    mask = np.array([[255, 255, 120, 40]] * 4, np.uint8)
    assert (clear_haze(mask) == mask).all()


def test_trim_drops_what_is_transparent_all_round() -> None:
    result = trim(Picture(RGB, ALPHA))
    assert result.alpha is not None
    assert result.alpha.tolist() == [[255, 1], [255, 255]]
    assert (result.rgb == RGB[1:3, 1:3]).all()


def test_trim_leaves_a_picture_that_is_opaque_or_all_clear() -> None:
    opaque, clear = Picture(RGB), Picture(RGB, np.zeros((4, 4), np.uint8))
    assert trim(opaque) is opaque
    assert trim(clear) is clear
