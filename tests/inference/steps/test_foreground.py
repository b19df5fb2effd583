"""Soft pixels lose the old background; all others keep their bits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.picture import Picture
from inference.steps.compose import cut_out

Bytes = NDArray[np.uint8]
RED, BLUE = np.array([210, 40, 30]), np.array([20, 60, 200])


def mixed(side: int = 64) -> tuple[Bytes, Bytes]:
    alpha = np.tile(np.clip(np.arange(side) * 16 - side * 6, 0, 255), (side, 1)).astype(np.uint8)
    share = alpha[..., np.newaxis] / 255
    return np.rint(share * RED + (1 - share) * BLUE).astype(np.uint8), alpha


def cut(rgb: Bytes, alpha: Bytes) -> Bytes:
    return cut_out(Picture(rgb), alpha).rgb


def test_a_soft_edge_gets_the_subjects_colour() -> None:
    rgb, alpha = mixed()
    soft = (alpha > 20) & (alpha < 255)
    assert np.abs(rgb[soft].astype(int) - RED).max() > 100
    assert np.abs(cut(rgb, alpha)[soft].astype(int) - RED).max() < 12


def test_opaque_pixels_keep_their_bits() -> None:
    rgb, alpha = mixed()
    assert (cut(rgb, alpha)[alpha == 255] == rgb[alpha == 255]).all()


def test_without_soft_pixels_the_picture_stays() -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (4, 4, 3), np.uint8)
    assert (cut(rgb, np.full((4, 4), 255, np.uint8)) == rgb).all()


def test_the_input_is_not_written_to() -> None:
    rgb, alpha = mixed()
    before = rgb.copy()
    cut(rgb, alpha)
    assert (rgb == before).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 500)])
def test_odd_shapes_are_fine(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    assert cut(rgb, np.full(shape, 128, np.uint8)).shape == rgb.shape


def test_on_photos_it_halves_what_bleeds() -> None:
    from skimage import data

    front, back = (
        data.astronaut()[:300, :400].astype(float),
        data.coffee()[:300, :400].astype(float),
    )
    rows, columns = np.mgrid[:300, :400]
    alpha = np.clip((110 - np.hypot(rows - 150, columns - 200)) * 12 + 128, 0, 255).astype(np.uint8)
    share = alpha[..., np.newaxis] / 255
    rgb = np.rint(front * share + back * (1 - share)).astype(np.uint8)
    soft = (alpha > 0) & (alpha < 255)
    before = (np.abs(rgb - front) * share)[soft].mean()
    after = (np.abs(cut(rgb, alpha) - front) * share)[soft].mean()
    assert after < 0.55 * before
