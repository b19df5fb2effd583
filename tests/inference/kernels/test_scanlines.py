"""A PNG's filters foretell each byte by its neighbours, and keep the rest."""

from __future__ import annotations

import numpy as np
import pytest

from inference.kernels.scanlines import AVERAGE, NONE, SUB, UP, filter_rows

RNG = np.random.default_rng(6)
ROWS = RNG.integers(0, 256, (3, 4 * 41), np.uint8)
ABOVE = RNG.integers(0, 256, (3, 4 * 41), np.uint8)


@pytest.mark.parametrize("step", [1, 3, 4])
@pytest.mark.parametrize("number", [NONE, SUB, UP, AVERAGE])
def test_a_byte_is_kept_less_what_the_standard_foretells(number: int, step: int) -> None:
    rows, above = (np.ascontiguousarray(side[:, : 41 * step]) for side in (ROWS, ABOVE))
    left = np.pad(rows, ((0, 0), (step, 0)))[:, :-step]
    foretold = {
        NONE: np.zeros_like(rows),
        SUB: left,
        UP: above,
        AVERAGE: ((left.astype(int) + above) // 2).astype(np.uint8),
    }
    found = filter_rows(rows, above, step, number)
    assert (found[:, 0] == number).all()
    assert (found[:, 1:] == rows - foretold[number]).all()


def test_a_picture_of_one_pixel_has_no_neighbours() -> None:
    pixel = np.array([[9, 8, 7]], np.uint8)
    for number in (NONE, SUB, UP, AVERAGE):
        assert filter_rows(pixel, np.zeros_like(pixel), 3, number).tolist() == [[number, 9, 8, 7]]
