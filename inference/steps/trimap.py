"""Which pixels are surely foreground, surely background, or left to alpha matting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.steps.morphology import erode

FOREGROUND, UNKNOWN, BACKGROUND = 255, 128, 0


def make_trimap(
    mask: NDArray[np.uint8],
    foreground_threshold: int,
    background_threshold: int,
    erode_size: int,
) -> NDArray[np.uint8]:
    """Turn an H×W uint8 mask into a trimap of 0, 128 and 255, as rembg does.

    Foreground is above its threshold and background below its own, both eroded by a square of
    `erode_size` pixels; beyond the frame lies background. Where both hold, background wins.
    """
    foreground = erode(mask > foreground_threshold, erode_size, beyond_frame=False)
    background = erode(mask < background_threshold, erode_size, beyond_frame=True)
    trimap = np.full(mask.shape, UNKNOWN, np.uint8)
    np.putmask(trimap, foreground, FOREGROUND)
    np.putmask(trimap, background, BACKGROUND)
    return trimap
