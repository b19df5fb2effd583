"""Colours and alpha that lie together are taken as they are; others are joined exactly."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from inference.coding import encode
from inference.coding.layout import find_whole, to_image
from inference.picture import Picture

RNG = np.random.default_rng(2)
RGBA = RNG.integers(0, 256, (9, 7, 4), np.uint8)
CUT = Picture(RGBA[..., :3], RGBA[..., 3])


def test_colours_and_alpha_of_one_array_are_found() -> None:
    assert find_whole(CUT.rgb, CUT.alpha) is RGBA


@pytest.mark.parametrize(
    ("colours", "alpha"),
    [
        (RGBA[..., :3], RGBA[..., 3].copy()),
        (RGBA[..., 1:], RGBA[..., 0]),
        (RGBA[..., 2::-1], RGBA[..., 3]),
        (RGBA[..., :3], RGBA[::-1, :, 3]),
        (RGBA[..., :3].copy(), RGBA[..., 3].copy()),
        (RGBA[..., :3], None),
    ],
)
def test_anything_else_is_not(colours: np.ndarray, alpha: np.ndarray | None) -> None:
    assert find_whole(colours, alpha) is None


@pytest.mark.parametrize("apart", [False, True])
def test_an_image_holds_the_pixels_exactly(apart: bool) -> None:
    rgb, alpha = (
        (CUT.rgb.copy(), CUT.alpha.copy())
        if apart and CUT.alpha is not None
        else (
            CUT.rgb,
            CUT.alpha,
        )
    )
    assert (np.asarray(to_image(rgb, alpha)) == RGBA).all()
    assert (np.asarray(to_image(rgb)) == RGBA[..., :3]).all()


def test_strips_of_a_large_image_meet_without_a_seam() -> None:
    rgb = RNG.integers(0, 256, (1100, 600, 3), np.uint8)
    assert (np.asarray(to_image(rgb)) == rgb).all()


def test_a_png_of_views_is_that_of_copies() -> None:
    rgba = RNG.integers(0, 256, (300, 400, 4), np.uint8)
    views = encode(Picture(rgba[..., :3], rgba[..., 3]), format="PNG")
    copies = encode(Picture(rgba[..., :3].copy(), rgba[..., 3].copy()), format="PNG")
    assert views == copies
    assert (np.asarray(Image.open(io.BytesIO(views))) == rgba).all()
