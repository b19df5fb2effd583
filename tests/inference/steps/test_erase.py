"""The fill without a network: exact outside, plausible inside, the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from inference.steps.erase import fill_hole
from inference.steps.holes import Hole
from protocol.errors import TaskTimedOut

SIDE = 128


def no_deadline() -> None:
    """There is time."""


def square(top: int, left: int, side: int) -> Hole:
    inside = np.zeros((SIDE, SIDE), np.bool_)
    inside[top : top + side, left : left + side] = True
    return Hole(inside, inside)


def stripes() -> np.ndarray:
    """Vertical stripes, eight pixels wide."""
    row = np.where(np.arange(SIDE) // 8 % 2, 220, 40).astype(np.uint8)
    return np.repeat(np.tile(row, (SIDE, 1))[..., np.newaxis], 3, axis=2)


def noise() -> np.ndarray:
    return np.random.default_rng(6).integers(90, 160, (SIDE, SIDE, 3)).astype(np.uint8)


def erased(rgb: np.ndarray, hole: Hole) -> np.ndarray:
    """Fill, with what the hole held replaced by red."""
    seen = rgb.copy()
    seen[hole.inside] = (255, 0, 0)
    return fill_hole(seen, hole, no_deadline)


def test_every_pixel_outside_is_bit_identical() -> None:
    hole = square(40, 40, 40)
    assert (erased(noise(), hole)[~hole.inside] == noise()[~hole.inside]).all()


def test_a_repeating_structure_goes_on_through_the_hole() -> None:
    hole = square(48, 48, 32)
    apart = np.abs(erased(stripes(), hole).astype(int) - stripes())[hole.inside]
    assert apart.mean() < 12


def test_texture_is_carried_into_the_hole() -> None:
    hole = square(40, 40, 40)
    assert erased(noise(), hole)[hole.inside].std() > 0.6 * noise().std()


def test_a_plain_ground_stays_plain() -> None:
    plain = np.full((SIDE, SIDE, 3), (10, 120, 200), np.uint8)
    hole = square(30, 50, 50)
    assert np.abs(erased(plain, hole).astype(int) - plain).max() <= 1


def test_the_same_picture_gives_the_same_fill() -> None:
    hole = square(40, 40, 40)
    assert (erased(noise(), hole) == erased(noise(), hole)).all()


def test_a_scratch_is_bridged_smoothly() -> None:
    ramp = np.repeat(np.tile(np.arange(SIDE, dtype=np.uint8), (SIDE, 1))[..., None], 3, axis=2)
    inside = np.zeros((SIDE, SIDE), np.bool_)
    inside[60:62] = True
    assert np.abs(erased(ramp, Hole(inside, inside)).astype(int) - ramp).max() <= 3


@pytest.mark.parametrize(
    "hole", [square(0, 0, 40), square(SIDE - 1, SIDE - 1, 1), square(64, 64, 1), square(4, 4, 120)]
)
def test_holes_at_the_border_tiny_or_nearly_everything_are_filled(hole: Hole) -> None:
    filled = erased(np.full((SIDE, SIDE, 3), 77, np.uint8), hole)
    assert np.abs(filled.astype(int) - 77).max() <= 1


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (3, 3), (7, 40)])
def test_pictures_smaller_than_a_patch_are_filled(shape: tuple[int, int]) -> None:
    inside = np.zeros(shape, np.bool_)
    inside[0, 0] = True
    filled = fill_hole(np.full((*shape, 3), 50, np.uint8), Hole(inside, inside), no_deadline)
    assert (filled == 50).all()


def test_light_ground_in_narrow_places_fills_a_large_hole_beside_a_dark_corner() -> None:
    rgb = np.random.default_rng(1).integers(190, 210, (256, 256, 3)).astype(np.uint8)
    rgb[176:, 150:] = 10
    inside = np.zeros((256, 256), np.bool_)
    inside[24:232, 24:150] = inside[40:176, 24:230] = True
    filled = fill_hole(rgb, Hole(inside, inside), no_deadline)
    assert (filled[inside].mean(axis=1) < 100).mean() < 0.2


def test_nothing_is_copied_from_what_is_blocked() -> None:
    rgb = np.full((SIDE, SIDE, 3), 60, np.uint8)
    rgb[:, 100:] = (0, 250, 0)
    inside = square(40, 20, 40).inside
    blocked = inside.copy()
    blocked[:, 96:] = True
    filled = fill_hole(rgb, Hole(inside, blocked), no_deadline)
    assert np.abs(filled[inside].astype(int) - 60).max() <= 1


def test_a_deadline_that_passes_ends_the_fill() -> None:
    def pass_deadline() -> None:
        raise TaskTimedOut("late")

    with pytest.raises(TaskTimedOut):
        fill_hole(noise(), square(40, 40, 40), pass_deadline)


def test_a_sky_keeps_its_gradient() -> None:
    rows, columns = np.mgrid[:120, :180]
    sky = np.stack([120 + 0.7 * rows + 0.1 * columns, 160 + 0.5 * rows, 235 - 0.2 * rows], -1)
    sky = (sky + np.random.default_rng(0).normal(0, 1, sky.shape)).round().astype(np.uint8)
    inside = np.hypot((rows - 60) / 30, (columns - 90) / 40) < 1
    blotched = np.where(inside[..., np.newaxis], np.uint8(30), sky)
    filled = fill_hole(blotched, Hole(inside, inside), lambda: None)
    assert np.abs(filled[inside].astype(int) - sky[inside]).mean() < 1.5
