"""What does a mask hold: the subject's box, specks and pinholes to clean away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.kernels.regions import fill_parts, find_parts, smooth

Bytes = NDArray[np.uint8]

SURE = 128
"""What is nowhere as much as this is haze: where a whole mask is, no subject was found."""

_SPECK_SHARE = 0.0005  # of the picture's pixels
_FAINT = 25  # up to this a pixel counts as background; from 255 less this on as subject
_SKIRT = 2  # pixels around a speck that were its soft edge


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
    cleaned = alpha.copy()
    smallest = alpha.size * _SPECK_SHARE
    _fill_small_parts(cleaned, smallest, seen=(_FAINT + 1, 255), skirt=(0, _FAINT), value=0)
    _fill_small_parts(
        cleaned, smallest, seen=(0, 254 - _FAINT), skirt=(255 - _FAINT, 255), value=255
    )
    return smooth(cleaned)


def _fill_small_parts(
    mask: Bytes, smallest: float, *, seen: tuple[int, int], skirt: tuple[int, int], value: int
) -> None:
    """Set connected parts of fewer pixels than `smallest` to a value, and their soft edges."""
    runs, sizes, _peaks = find_parts(mask, *seen)
    is_small = sizes < smallest
    if is_small.any():
        fill_parts(mask, runs, is_small.view(np.uint8), value, _SKIRT, *skirt)
