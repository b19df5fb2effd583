"""What lies under a hole, smoothly: known values spread into it from all sides.

Push and pull over a pyramid of normalised averages (Gortler et al. 1996), then a few relaxations
towards the membrane (Laplace's equation), which leaves no blocks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.steps.resize import resize_plane

Planes = NDArray[np.float32]

_NOTHING = 1e-6


def spread(values: Planes, weight: Planes) -> Planes:
    """Return h×w×c float32: `values` where `weight` (h×w, 0..1) is 1, else what is around.

    Where nothing at all is known the result is 0.
    """
    share = weight[..., np.newaxis]
    if weight.min() >= 1 or max(weight.shape) == 1:
        return np.asarray(values * (share > _NOTHING), np.float32)
    coarse_weight = _halve(share)
    coarse = np.asarray(_halve(values * share) / np.maximum(coarse_weight, _NOTHING), np.float32)
    filled = spread(coarse, np.minimum(coarse_weight[..., 0], 1))
    height, width = weight.shape
    around = np.stack(
        [resize_plane(filled[..., band], width, height) for band in range(values.shape[2])], axis=-1
    )
    around += (values - around) * share
    return around


def relax(values: Planes, unknown: NDArray[np.bool_], steps: int) -> Planes:
    """Draw the `unknown` pixels of h×w×c towards the mean of their four neighbours."""
    height, width = unknown.shape
    pixels = np.flatnonzero(unknown)
    rows, columns = np.divmod(pixels, width)
    around = [
        pixels - width * (rows > 0),
        pixels + width * (rows < height - 1),
        pixels - (columns > 0),
        pixels + (columns < width - 1),
    ]
    flat = values.reshape(-1, values.shape[2]).copy()
    for _ in range(steps):
        flat[pixels] = sum(flat.take(other, 0) for other in around) * np.float32(0.25)
    return flat.reshape(values.shape)


def _halve(values: Planes) -> Planes:
    """Sum blocks of 2×2; an odd last row or column stands alone."""
    height, width = values.shape[:2]
    padded = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    rows = padded[0::2] + padded[1::2]
    return np.asarray(rows[:, 0::2] + rows[:, 1::2], np.float32)
