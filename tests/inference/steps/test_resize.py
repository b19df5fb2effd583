"""Resizing averages when it shrinks and never leaves the range."""

from __future__ import annotations

import numpy as np
import pytest

from inference.steps.resize import average_rgb, resize_mask, resize_plane, resize_rgb


@pytest.mark.parametrize("size", [(2, 2), (2, 3), (1, 4), (5, 3), (6, 4), (9, 9), (3, 9)])
def test_an_average_has_any_size(size: tuple[int, int]) -> None:
    rgb = np.full((4, 6, 3), (10, 100, 250), np.uint8)
    small = average_rgb(rgb, *size)
    assert small.shape == (size[1], size[0], 3)
    assert (small == [10, 100, 250]).all()


@pytest.mark.parametrize("tall", [256, 257, 1000])
def test_an_average_of_many_rows_is_exact(tall: int) -> None:
    assert (average_rgb(np.full((tall, 2, 3), 255, np.uint8), 1, 1) == 255).all()


def test_shrinking_averages() -> None:
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 200
    small = resize_rgb(np.repeat(checks[..., None], 3, axis=2).astype(np.uint8), 4, 4)
    assert np.abs(small.astype(int) - 100).max() <= 2


def test_the_same_size_is_not_copied() -> None:
    rgb, mask = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)
    assert resize_rgb(rgb, 4, 4) is rgb
    assert resize_mask(mask, 4, 4) is mask


def test_enlarging_does_not_ring() -> None:
    step = np.array([[0, 0, 255, 255]] * 4, np.uint8)
    large = resize_mask(step, 40, 40).astype(int)
    assert large.min() == 0
    assert large.max() == 255
    assert (np.diff(large, axis=1) >= 0).all()


def test_a_plane_of_floats_keeps_its_fractions() -> None:
    plane = np.full((4, 4), 0.123, np.float32)
    assert np.allclose(resize_plane(plane, 9, 7), 0.123)
