"""A small trimap knows only what all pixels under it know."""

from __future__ import annotations

import numpy as np

from inference.kernels.bands import shrink_trimap


def test_a_pixel_is_known_where_all_under_it_agree() -> None:
    trimap = np.zeros((4, 8), np.uint8)
    trimap[:, 4:] = 255
    trimap[1, 0] = 128
    assert shrink_trimap(trimap, 4, 2).tolist() == [[128, 0, 255, 255], [0, 0, 255, 255]]


def test_what_lies_under_two_pixels_counts_for_both() -> None:
    trimap = np.zeros((3, 3), np.uint8)
    trimap[1, 1] = 128
    assert (shrink_trimap(trimap, 2, 2) == 128).all()


def test_every_unknown_pixel_lies_under_an_unknown_one() -> None:
    rng = np.random.default_rng(3)
    trimap = np.where(rng.random((53, 71)) < 0.02, 128, 0).astype(np.uint8)
    small = shrink_trimap(trimap, 29, 17)
    rows, columns = np.nonzero(trimap == 128)
    assert (small[(2 * rows + 1) * 17 // 106, (2 * columns + 1) * 29 // 142] == 128).all()
