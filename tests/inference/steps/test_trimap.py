"""The trimap is rembg's: strict thresholds, a square erosion, background wins."""

from __future__ import annotations

import numpy as np

from inference.steps.trimap import make_trimap


def test_thresholds_are_strict() -> None:
    mask = np.array([[9, 10, 240, 241]], np.uint8)
    assert make_trimap(mask, 240, 10, 1).tolist() == [[0, 128, 128, 255]]


def test_background_wins_where_both_hold() -> None:
    assert make_trimap(np.full((1, 1), 50, np.uint8), 10, 240, 1).tolist() == [[0]]


def test_foreground_is_eroded_at_the_frame_and_background_is_not() -> None:
    assert make_trimap(np.full((3, 3), 255, np.uint8), 240, 10, 3).tolist() == [
        [128, 128, 128],
        [128, 255, 128],
        [128, 128, 128],
    ]
    assert not make_trimap(np.zeros((3, 3), np.uint8), 240, 10, 3).any()
