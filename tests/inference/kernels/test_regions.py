"""Parts hang together over corners too; they are counted, and filled with their skirts."""

from __future__ import annotations

import numpy as np
import pytest

from inference.kernels.regions import fill_parts, find_parts, smooth


def test_parts_touch_at_corners() -> None:
    mask = np.array([[9, 0, 0, 0], [0, 9, 0, 7], [0, 0, 0, 7], [8, 0, 0, 0]], np.uint8)
    runs, sizes, peaks = find_parts(mask, 1, 255)
    assert sizes.tolist() == [2, 2, 1]
    assert peaks.tolist() == [9, 7, 8]
    assert runs.tolist() == [[0, 0, 1, 0], [1, 1, 2, 0], [1, 3, 4, 1], [2, 3, 4, 1], [3, 0, 1, 2]]


def test_arms_that_meet_further_down_are_one_part() -> None:
    mask = np.array([[1, 0, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]], np.uint8)
    assert find_parts(mask, 1, 255)[1].tolist() == [11]


@pytest.mark.parametrize("share", [0.2, 0.45, 0.6])
def test_parts_are_those_that_scipy_labels(share: float) -> None:
    from scipy.ndimage import label

    mask = (np.random.default_rng(2).random((97, 61)) < share).astype(np.uint8) * 40
    labels, count = label(mask, np.ones((3, 3)))
    runs, sizes, _peaks = find_parts(mask, 1, 255)
    assert sorted(sizes) == sorted(np.bincount(labels.ravel())[1:])
    assert len({(labels[y, x], part) for y, x, _last, part in runs.tolist()}) == count


def test_nothing_in_reach_is_no_part() -> None:
    runs, sizes, peaks = find_parts(np.zeros((4, 4), np.uint8), 1, 255)
    assert runs.shape == (0, 4)
    assert sizes.size == peaks.size == 0


def test_only_chosen_parts_and_their_skirts_are_filled() -> None:
    mask = np.array([[200, 20, 90, 0, 0, 200]], np.uint8)
    runs, _sizes, _peaks = find_parts(mask, 200, 255)
    fill_parts(mask, runs, np.array([1, 0], np.uint8), 0, 2, 0, 30)
    assert mask.tolist() == [[0, 0, 90, 0, 0, 200]]


def test_smoothing_is_the_binomial_and_edges_repeat() -> None:
    mask = np.zeros((3, 3), np.uint8)
    mask[1, 1] = 160
    assert smooth(mask).tolist() == [[10, 20, 10], [20, 40, 20], [10, 20, 10]]
    assert (smooth(np.full((2, 3), 255, np.uint8)) == 255).all()
