"""A mask has a box; refining removes specks and pinholes and keeps softness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.steps.mask import Box, find_box, refine_mask


def subject() -> NDArray[np.uint8]:
    mask = np.zeros((200, 200), np.uint8)
    mask[50:150, 50:150] = 255
    return mask


def test_the_box_holds_all_pixels_above_the_threshold() -> None:
    alpha = np.zeros((4, 4), np.uint8)
    alpha[1, 2], alpha[2, 1] = 9, 200
    assert find_box(alpha) == Box(left=1, top=1, right=3, bottom=3)
    assert find_box(alpha, 9) == Box(left=1, top=2, right=2, bottom=3)


def test_an_empty_mask_has_no_box() -> None:
    assert find_box(np.zeros((4, 4), np.uint8)) is None


def test_a_box_knows_its_size() -> None:
    box = Box(left=1, top=2, right=5, bottom=4)
    assert (box.width, box.height) == (4, 2)


def test_a_speck_goes_with_its_faint_skirt() -> None:
    mask = subject()
    mask[9:13, 9:13] = 20
    mask[10:12, 10:12] = 255
    assert not refine_mask(mask)[:40].any()


def test_a_pinhole_is_filled() -> None:
    mask = subject()
    mask[99:103, 99:103] = 240
    mask[100:102, 100:102] = 0
    assert (refine_mask(mask)[60:140, 60:140] == 255).all()


def test_a_region_of_more_than_the_share_stays() -> None:
    mask = subject()
    mask[10:16, 10:16] = 255
    mask[100:106, 100:106] = 0
    refined = refine_mask(mask)
    assert refined[12, 12] == 255
    assert refined[102, 102] == 0


def test_nothing_moves_by_more_than_one_pixel() -> None:
    refined = refine_mask(subject())
    assert (refined[51:149, 51:149] == 255).all()
    assert not refined[:49].any()
    assert not refined[151:].any()


def test_a_soft_edge_stays_soft() -> None:
    mask = subject()
    mask[50:150, 40:60] = np.linspace(0, 255, 20).astype(np.uint8)
    assert np.abs(refine_mask(mask)[60:140, 41:59].astype(int) - mask[60:140, 41:59]).max() <= 4


def test_empty_and_full_masks_stay_as_they_are() -> None:
    for shade in (0, 255):
        assert (refine_mask(np.full((4, 4), shade, np.uint8)) == shade).all()
