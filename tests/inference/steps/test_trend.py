"""A gradient is found as planes; a picture of something is none."""

from __future__ import annotations

import numpy as np
import pytest

from inference.steps.trend import FLAT, find_trend


def gradient(height: int = 40, width: int = 60) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([40 + rows, 30 + 2 * columns, 200 - rows - columns], -1).astype(np.uint8)


def test_planes_are_what_the_known_pixels_show() -> None:
    rgb, known = gradient(), np.ones((40, 60), np.bool_)
    rgb[10:20, 20:40], known[10:20, 20:40] = 0, False
    assert np.abs(find_trend(rgb, known).over(40, 60) - gradient()).max() < 0.01


def test_a_shrunken_picture_has_the_colours_of_its_blocks_middles() -> None:
    trend = find_trend(gradient(), np.ones((40, 60), np.bool_))
    blocks = gradient().reshape(20, 2, 30, 2, 3).mean(axis=(1, 3))
    assert np.abs(trend.over(20, 30, 2) - blocks).max() < 0.01


def test_a_picture_without_a_gradient_has_none() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    assert find_trend(rgb, np.ones((40, 60), np.bool_)) is FLAT


@pytest.mark.parametrize("side", [0, 3, 20])
def test_where_hardly_anything_is_known_there_is_none(side: int) -> None:
    known = np.zeros((40, 60), np.bool_)
    known[:side, :side] = True
    assert find_trend(gradient(), known) is FLAT
