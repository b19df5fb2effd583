"""How does a network's small alpha become a full-size one that follows the picture's edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.steps.linear_models import evaluate_models, fit_models, grow
from inference.steps.resize import resize_mask, resize_rgb

_RADIUS = 1  # in pixels of the small alpha; 2 corrects worse outlines and blurs good ones
_EPSILON = 1e-4
_SNAP = 4 / 255  # nearer than this to 0 or 1 is 0 or 1
_STRETCH = 1 / (1 - 2 * _SNAP)
_UNCERTAIN = np.uint8(128)
_ENOUGH = 0.67  # a small alpha of this share of the picture's sides has its edges already


def upsample_alpha(
    small: NDArray[np.float32], rgb: NDArray[np.uint8], *, radius: int = _RADIUS
) -> NDArray[np.uint8]:
    """Carry h×w float32 alpha in 0..1 to the H×W of `rgb`, as uint8.

    Where the small alpha is flat 0 or 1 the result is exactly 0 or 255; elsewhere it follows the
    picture's edges within `radius` small pixels, and stays soft where the small alpha is soft.
    """
    height, width = rgb.shape[:2]
    small_height, small_width = small.shape
    snapped = _snap(small)
    if min(small_height / height, small_width / width) >= _ENOUGH:
        return resize_mask(_to_bytes(snapped), width, height).copy()
    uncertain = grow(snapped > 0, 1) & grow(snapped < 1, 1)
    # Where the small alpha is certain, so are its neighbours: the nearest one says it all.
    alpha = _nearest(np.where(uncertain, _UNCERTAIN, _to_bytes(snapped)), width, height)
    where = alpha == _UNCERTAIN
    if not where.any():
        return alpha
    reduced = resize_rgb(rgb, small_width, small_height)
    models = fit_models(reduced, snapped, grow(uncertain, 1), radius=radius, epsilon=_EPSILON)
    models *= np.float32(_STRETCH)
    models[3] -= np.float32(_SNAP * _STRETCH)
    evaluate_models(models, rgb, where, alpha)
    return alpha


def _snap(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch alpha a little, so that nearly 0 and nearly 1 become exactly so."""
    stretched = (alpha - np.float32(_SNAP)) * np.float32(_STRETCH)
    return np.clip(stretched, 0, 1, out=stretched)


def _to_bytes(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    return (alpha * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _nearest(labels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Enlarge h×w labels to height×width: each pixel takes the label that its centre lies in."""
    rows = (2 * np.arange(height) + 1) * labels.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * labels.shape[1] // (2 * width)
    return np.asarray(labels.take(columns, axis=1).take(rows, axis=0), np.uint8)
