"""Cut-outs and grounds, at any place, and the colours of blocks behind them."""

from __future__ import annotations

import numpy as np

from inference.kernels.colours import halve, measure_blocks, separate
from inference.kernels.composing import cut_out
from inference.kernels.laying import lay_over_ground
from inference.steps.foreground import NO_COLOURS

RNG = np.random.default_rng(7)
RGB = RNG.integers(1, 256, (4, 4, 3), np.uint8)
OWN = np.full((4, 4), 255, np.uint8)


def cut(alpha: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    out = np.full((height, width, 4), 77, np.uint8)
    cut_out(RGB, alpha, OWN, NO_COLOURS.cells, NO_COLOURS.grid, top, left, out)
    return out


def test_beyond_the_picture_all_is_0() -> None:
    out = cut(OWN, -2, -3, 9, 11)
    assert (out[2:6, 3:7, :3] == RGB).all()
    out[2:6, 3:7] = 0
    assert not out.any()


def test_a_part_is_that_of_the_whole() -> None:
    alpha = RNG.integers(0, 256, (4, 4), np.uint8)
    assert (cut(alpha, 1, 2, 2, 2) == cut(alpha, 0, 0, 4, 4)[1:3, 2:]).all()


def test_a_place_apart_from_the_picture_is_empty() -> None:
    assert not cut(OWN, 9, 9, 2, 2).any()


def test_blocks_measure_colours_by_share() -> None:
    rgb = np.full((2, 2, 3), 100, np.uint8)
    alpha = np.array([[255, 255], [0, 0]], np.uint8)
    cell = measure_blocks(rgb, alpha, 0, 2, 0, 2, 2)[0, 0]
    assert np.allclose(cell, [50, 50, 50, 0.25, 50, 50, 50, 0.25])


def test_an_odd_row_counts_twice() -> None:
    moments = np.arange(24, dtype=np.float32).reshape(3, 1, 8)
    assert np.allclose(halve(moments)[:, 0, 0], [4, 16])


def test_two_colours_are_told_apart() -> None:
    """Where blocks show one colour each, the mixed block between them has both."""
    shares = np.array([[1, 1, 0.5, 0, 0]], np.float32)[..., np.newaxis]
    seen = shares * 200 + (1 - shares) * 20
    moments = np.zeros((1, 5, 8), np.float32)
    moments[..., :3], moments[..., 4:7] = seen * shares, seen * (1 - shares)
    moments[..., 3:4], moments[..., 7:8] = shares**2, shares * (1 - shares)
    larger = np.zeros((1, 3, 8), np.float32)
    larger[..., :3], larger[..., 4:7] = 200, 20
    found = separate(moments, larger)[0, 2]
    assert np.abs(found[:3] - 200).max() < 2
    assert np.abs(found[4:7] - 20).max() < 2


def test_the_ground_is_bilinear_between_its_blocks() -> None:
    ground = np.zeros((1, 2, 4), np.float32)
    ground[0, 1, :3] = 160
    out = np.empty((3, 8, 3), np.uint8)
    nothing = np.zeros((3, 8), np.uint8)
    colours = np.zeros((3, 8, 3), np.uint8)
    lay_over_ground(colours, nothing, nothing, NO_COLOURS.cells, NO_COLOURS.grid, ground, 4, out)
    assert (out[..., 0] == [0, 0, 20, 60, 100, 140, 160, 160]).all()
