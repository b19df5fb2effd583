"""Masks of any size and kind become holes; what cannot be one is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from inference.picture import Picture
from inference.steps.holes import find_window, make_hole, write_hole
from inference.steps.morphology import grow
from protocol.errors import InvalidParameter


def picture(width: int = 4, height: int = 4) -> Picture:
    return Picture(np.full((height, width, 3), 9, np.uint8))


def mask_of(grey: np.ndarray) -> Picture:
    return Picture(np.repeat(np.asarray(grey, np.uint8)[..., np.newaxis], 3, axis=2))


def corner(side: int, value: int = 255) -> Picture:
    grey = np.zeros((side, side))
    grey[: side // 2, : side // 2] = value
    return mask_of(grey)


@pytest.mark.parametrize(
    ("grey", "is_inside"), [(0, False), (127, False), (128, True), (255, True)]
)
def test_hole_begins_at_128(grey: int, is_inside: bool) -> None:
    hole = make_hole(picture(), corner(4, grey), is_drawn=False)
    assert (hole is not None) == is_inside


def test_a_mask_of_another_size_is_scaled_without_greys_between() -> None:
    hole = make_hole(picture(8, 8), corner(4), is_drawn=False)
    assert hole is not None
    assert (hole.inside == (np.indices((8, 8)) < 4).all(axis=0)).all()


@pytest.mark.parametrize("size", [(320, 213), (640, 427), (64, 43)])
def test_a_ratio_within_one_percent_is_taken(size: tuple[int, int]) -> None:
    mask = np.zeros((size[1], size[0]))
    mask[:5, :5] = 255
    assert make_hole(picture(640, 427), mask_of(mask), is_drawn=False) is not None


@pytest.mark.parametrize("size", [(427, 640), (640, 420), (1, 1)])
def test_another_ratio_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidParameter) as caught:
        make_hole(picture(640, 427), mask_of(np.full(size[::-1], 255)), is_drawn=False)
    assert caught.value.parameter == "maskImage"


def test_a_mask_that_is_white_all_over_is_refused() -> None:
    with pytest.raises(InvalidParameter) as caught:
        make_hole(picture(), mask_of(np.full((4, 4), 255)), is_drawn=False)
    assert caught.value.parameter == "maskImage"


def test_transparent_parts_of_a_mask_are_black() -> None:
    white = np.full((4, 4, 3), 255, np.uint8)
    alpha = np.zeros((4, 4), np.uint8)
    alpha[0, 0] = 255
    hole = make_hole(picture(), Picture(white, alpha), is_drawn=False)
    assert hole is not None
    assert int(hole.inside.sum()) == 1


def test_nothing_near_a_drawn_mask_fills_the_hole_but_nothing_more_is_written() -> None:
    mask = np.zeros((200, 200))
    mask[50:150, 50:150] = 255
    hole = make_hole(picture(200, 200), mask_of(mask), is_drawn=True)
    assert hole is not None
    assert (hole.inside == (mask == 255)).all()
    assert (hole.blocked == grow(mask == 255, 1)).all()


def test_invisible_colours_fill_no_hole() -> None:
    alpha = np.full((4, 4), 255, np.uint8)
    alpha[3] = 0
    hole = make_hole(Picture(picture().rgb, alpha), corner(4), is_drawn=False)
    assert hole is not None
    assert hole.blocked[3].all()


def test_only_pixels_inside_are_written() -> None:
    hole = make_hole(picture(), corner(4), is_drawn=True)
    assert hole is not None
    written = write_hole(picture().rgb, hole, np.full((4, 4, 3), 200, np.uint8))
    assert (written == np.where(hole.inside[..., None], 200, 9)).all()


def test_window_holds_the_hole_and_stays_within_the_picture() -> None:
    inside = np.zeros((500, 900), np.bool_)
    inside[480:, 890:] = True
    rows, columns = find_window(inside)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (432, 500, 842, 900)
