"""A small alpha becomes a large one that keeps flat parts, softness and the picture's edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.steps.resize import resize_mask
from inference.steps.upsample import upsample_alpha


def disc(side: int, softness: float = 1.0) -> NDArray[np.float32]:
    rows, columns = np.mgrid[:side, :side]
    far = np.hypot(rows - side * 0.51, columns - side * 0.47)
    return np.clip((side * 0.3 - far) / softness + 0.5, 0, 1).astype(np.float32)


def shrink(alpha: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    side = alpha.shape[0] // times
    return alpha.reshape(side, times, side, times).mean(axis=(1, 3))


def picture_of(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    noise = np.random.default_rng(1).normal(0, 4, (*alpha.shape, 3))
    return np.clip(40 + alpha[..., np.newaxis] * [150, 90, 20] + noise, 0, 255).astype(np.uint8)


def test_flat_masks_are_exact() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    assert (upsample_alpha(np.zeros((4, 4), np.float32), rgb) == 0).all()
    assert (upsample_alpha(np.ones((4, 4), np.float32), rgb) == 255).all()


def test_nearly_0_and_nearly_1_snap() -> None:
    small = np.array([[0.01, 0.01], [0.99, 0.99]], np.float32).repeat(4, axis=0).repeat(4, axis=1)
    alpha = upsample_alpha(small, np.full((64, 64, 3), 90, np.uint8))
    assert (alpha[:20] == 0).all()
    assert (alpha[-20:] == 255).all()


def test_edges_of_the_picture_are_followed_better_than_by_bilinear() -> None:
    truth = disc(256)
    small = shrink(truth, 8)
    blurred = (small + np.roll(small, 1, 0) + np.roll(small, 1, 1) + np.roll(small, -1, 0)) / 4
    plain = resize_mask((blurred * 255).astype(np.uint8), 256, 256).astype(float) / 255
    guided = upsample_alpha(blurred, picture_of(truth)).astype(float) / 255
    assert np.abs(guided - truth).mean() < 0.7 * np.abs(plain - truth).mean()


def test_a_soft_alpha_stays_soft() -> None:
    truth = disc(256, softness=60)
    alpha = upsample_alpha(shrink(truth, 8), picture_of(truth))
    assert ((alpha > 20) & (alpha < 235)).mean() > 0.1
    assert np.abs(alpha / 255 - truth).mean() < 0.03


def test_a_small_alpha_of_the_pictures_size_is_kept() -> None:
    small = np.array([[0, 0.5, 1, 0.25]] * 4, np.float32)
    alpha = upsample_alpha(small, np.zeros((4, 4, 3), np.uint8))
    assert np.abs(alpha.astype(int) - np.rint(small * 255)).max() <= 4


def test_shape_and_type_are_the_pictures() -> None:
    alpha = upsample_alpha(disc(32), np.zeros((70, 110, 3), np.uint8))
    assert alpha.shape == (70, 110)
    assert alpha.dtype == np.uint8
