"""Cut-outs and grounds, at any place, and the colours of blocks behind them."""

from __future__ import annotations

import numpy as np

from inference.kernels.colours import find_soft, halve, measure_blocks, separate
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


def test_a_soft_pixel_is_found_wherever_it_lies() -> None:
    """However many pixels are looked at at once."""
    rgb = np.full((1, 99, 3), 100, np.uint8)
    cells = np.full((1, 1, 8), 200, np.float32)
    for place in range(99):
        alpha, out = np.full((1, 99), 255, np.uint8), np.empty((1, 99, 4), np.uint8)
        alpha[0, place] = 128
        cut_out(rgb, alpha, alpha // 128 * 255, cells, (0, 0, 99), 0, 0, out)
        assert np.flatnonzero(out[0, :, 0] != 100).tolist() == [place]
        assert (out[..., 3] == alpha).all()


def test_rows_and_columns_of_soft_pixels_are_told() -> None:
    alpha = np.zeros((5, 70), np.uint8)
    alpha[1], alpha[3, 2], alpha[3, 66], alpha[4, 66] = 255, 1, 254, 128
    rows, columns = find_soft(alpha)
    assert rows.tolist() == [3, 4]
    assert columns.tolist() == [2, 66]


def test_a_block_of_one_kind_has_no_mixed_moment() -> None:
    alpha = np.repeat(np.array([[0, 255]], np.uint8), 3, axis=1)
    moments = measure_blocks(np.full((1, 6, 3), 9, np.uint8), alpha, 0, 1, 0, 6, 3)
    assert np.abs(moments[..., 7]).max() < 1e-6


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


def test_over_a_ground_a_subject_of_its_own_alpha_is_mixed_and_rounded() -> None:
    levels = np.arange(256, dtype=np.uint8)
    shares = np.repeat(levels[:, np.newaxis], 256, axis=1)
    colours = np.repeat(np.tile(levels, (256, 1))[..., np.newaxis], 3, axis=2)
    for value in (0, 99, 255):
        ground, out = np.full((1, 1, 4), value, np.float32), np.empty_like(colours)
        own = np.zeros_like(shares)
        lay_over_ground(colours, shares, own, NO_COLOURS.cells, NO_COLOURS.grid, ground, 256, out)
        mixed = value + (colours.astype(float) - value) * shares[..., np.newaxis] / 255
        assert (out == np.rint(mixed)).all()
