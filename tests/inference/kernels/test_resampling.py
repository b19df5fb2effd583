"""Averages are those of the pixels under a cell; what is unknown is filled from around it."""

from __future__ import annotations

import numpy as np
import pytest

from inference.kernels.resampling import average, average_ground, fill_unknown, halve_known, soften

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 4), (7, 6), (12, 8)])
def test_an_average_is_that_of_the_pixels_whose_centres_lie_under_it(size: tuple[int, int]) -> None:
    rgb = RNG.integers(0, 256, (8, 12, 3), np.uint8)
    width, height = size
    cell_of_row = np.ceil((np.arange(8) + 0.5) * height / 8).astype(int) - 1
    cell_of_column = np.ceil((np.arange(12) + 0.5) * width / 12).astype(int) - 1
    small = average(rgb, width, height)
    for row in range(height):
        for column in range(width):
            under = rgb[cell_of_row == row][:, cell_of_column == column].mean(axis=(0, 1))
            assert np.abs(small[row, column] - under).max() <= 0.5001


def test_a_read_only_picture_is_averaged() -> None:
    rgb = np.full((4, 4, 3), 9, np.uint8)
    rgb.flags.writeable = False
    assert (average(rgb, 2, 2) == 9).all()


def test_softening_takes_an_eighth_of_each_neighbour_and_keeps_what_is_flat() -> None:
    rgb = np.zeros((3, 4, 3), np.uint8)
    rgb[1, 1] = 128
    assert soften(rgb)[..., 2].tolist() == [[2, 12, 2, 0], [12, 72, 12, 0], [2, 12, 2, 0]]
    assert (soften(np.full((1, 2, 3), 255, np.uint8)) == 255).all()


def test_only_ground_is_averaged_and_counted() -> None:
    rgb = np.full((4, 6, 3), 200, np.uint8)
    is_ground = np.ones((4, 6), np.uint8)
    rgb[0, 0], rgb[1, 1] = 0, 0
    is_ground[0, 0] = is_ground[1, 1] = 0
    cells = average_ground(rgb, is_ground, 2)
    assert cells[0, 0].tolist() == [200, 200, 200, 0.5]
    assert (cells[..., 3].ravel()[1:] == 1).all()


def test_the_last_blocks_may_be_cut_off() -> None:
    cells = average_ground(np.full((5, 5, 3), 8, np.uint8), np.ones((5, 5), np.uint8), 3)
    assert cells.shape == (2, 2, 4)
    assert (cells == [8, 8, 8, 1]).all()


def test_halving_weighs_by_what_is_known() -> None:
    cells = np.zeros((2, 3, 4), np.float32)
    cells[0, 0], cells[1, 1] = (100, 0, 0, 0.75), (20, 0, 0, 0.25)
    assert halve_known(cells)[0].tolist() == [[80, 0, 0, 1], [0, 0, 0, 0]]


def test_unknown_cells_take_what_lies_around_and_known_ones_stay() -> None:
    cells = np.zeros((4, 4, 4), np.float32)
    cells[0, 0] = 50, 60, 70, 1
    larger = np.tile(np.array([1, 2, 3, 1], np.float32), (2, 2, 1))
    fill_unknown(cells, larger)
    assert cells[0, 0].tolist() == [50, 60, 70, 1]
    assert (cells[1:] == [1, 2, 3, 1]).all()
