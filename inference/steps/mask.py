"""What does a mask hold: the subject's box, and specks and pinholes to clean away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from inference.steps.linear_models import grow

Bytes = NDArray[np.uint8]

_SPECK_SHARE = 0.0005  # of the picture's pixels
_FAINT = 25  # up to this a pixel counts as background; from 255 less this on as subject
_SKIRT = 2  # pixels around a speck that were its soft edge
_BINOMIAL = ImageFilter.Kernel((3, 3), (1, 2, 1, 2, 4, 2, 1, 2, 1))


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels from left to right and top to bottom; right and bottom are not inside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top


def find_box(alpha: Bytes, threshold: int = 0) -> Box | None:
    """Return the smallest box around all pixels above `threshold`, None where there is none."""
    rows = np.flatnonzero(alpha.max(axis=1) > threshold)
    if rows.size == 0:
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(alpha[top:bottom].max(axis=0) > threshold)
    return Box(int(columns[0]), top, int(columns[-1]) + 1, bottom)


def refine_mask(alpha: Bytes) -> Bytes:
    """Clean an H×W uint8 mask: no specks, no pinholes, edges smoothed by one pixel, still soft.

    Specks and pinholes are connected regions below 0.05 % of the picture.
    """
    smallest = alpha.size * _SPECK_SHARE
    specks = _small_regions(alpha > _FAINT, smallest)
    pinholes = _small_regions(alpha < 255 - _FAINT, smallest)
    cleaned = alpha.copy()
    if specks.any():
        np.putmask(cleaned, specks | (grow(specks, _SKIRT) & (alpha <= _FAINT)), 0)
    if pinholes.any():
        skirt = grow(pinholes, _SKIRT) & (alpha >= 255 - _FAINT)
        np.putmask(cleaned, (pinholes | skirt) & ~specks, 255)
    return np.asarray(Image.fromarray(cleaned).filter(_BINOMIAL), np.uint8)


def _small_regions(mask: NDArray[np.bool_], smallest: float) -> NDArray[np.bool_]:
    """Mark the connected regions (8 neighbours) of fewer pixels than `smallest`."""
    from scipy.ndimage import label

    labels, count = label(mask, np.ones((3, 3)))
    if count == 0:
        return np.zeros_like(mask)
    is_small = np.bincount(labels.ravel()) < smallest
    is_small[0] = False
    if not is_small.any():
        return np.zeros_like(mask)
    return np.asarray(is_small[labels], np.bool_)
