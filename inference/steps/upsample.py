"""How does a network's small alpha become a full-size one that follows the picture's edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.edges import UNCERTAIN, evaluate_models, fit_models
from inference.kernels.resampling import soften
from inference.steps.morphology import grow
from inference.steps.resize import average_rgb, resize_mask

_EPSILON = np.float32(1e-4)
_SNAP = 4 / 255  # nearer than this to 0 or 1 is 0 or 1
_STRETCH = 1 / (1 - 2 * _SNAP)
_ENOUGH = 0.67  # a small alpha of this share of the picture's sides has its edges already


def upsample_alpha(small: NDArray[np.float32], rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Carry h×w float32 alpha in 0..1 to the H×W of `rgb`, as uint8.

    Where the small alpha is flat 0 or 1 the result is exactly 0 or 255; elsewhere it follows the
    picture's edges within one small pixel, and stays soft where the small alpha is soft.
    """
    rgb = np.ascontiguousarray(rgb)
    height, width = rgb.shape[:2]
    small_height, small_width = small.shape
    snapped = _snap(small)
    if min(small_height / height, small_width / width) >= _ENOUGH:
        return resize_mask(_to_bytes(snapped), width, height)
    uncertain = grow(snapped > 0, 1) & grow(snapped < 1, 1)
    # Where the small alpha is certain, so are its neighbours: the nearest one says it all.
    labels = np.where(uncertain, UNCERTAIN, _to_bytes(snapped))
    reduced = soften(average_rgb(rgb, small_width, small_height))
    models = fit_models(reduced, snapped, _EPSILON)
    models *= np.float32(_STRETCH)
    models[:, 3] = (models[:, 3] - np.float32(_SNAP * _STRETCH)) * 255 + np.float32(0.5)
    alpha = np.empty((height, width), np.uint8)
    evaluate_models(models, rgb, labels, alpha)
    return alpha


def _snap(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch alpha a little, so that nearly 0 and nearly 1 become exactly so."""
    stretched = (alpha - np.float32(_SNAP)) * np.float32(_STRETCH)
    return np.clip(stretched, 0, 1, out=stretched)


def _to_bytes(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    return (alpha * np.float32(255) + np.float32(0.5)).astype(np.uint8)
