"""Which pixels are surely foreground, surely background, or left to alpha matting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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


def erode(mask: NDArray[np.bool_], size: int, *, beyond_frame: bool) -> NDArray[np.bool_]:
    """Keep the pixels whose size×size square is all set.

    The square reaches size//2 up and left and the rest down and right, like scipy's binary_erosion
    of ones((size, size)); outside of the picture all is `beyond_frame`.
    """
    before, after = size // 2, size - 1 - size // 2
    padded = np.pad(mask, (before, after), constant_values=beyond_frame)
    return _and_columns(_and_rows(padded, size), size)


def _and_rows(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """And together each `size` neighbouring rows, doubling the reach at every pass."""
    reach = 1
    while reach < size:
        step = min(reach, size - reach)
        mask = mask[:-step] & mask[step:]
        reach += step
    return mask


def _and_columns(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """And together each `size` neighbouring columns."""
    reach = 1
    while reach < size:
        step = min(reach, size - reach)
        mask = mask[:, :-step] & mask[:, step:]
        reach += step
    return mask
