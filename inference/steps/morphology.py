"""Which pixels are set all around, or have a set one near them: erosion and growth by a square.

Each pass doubles the reach, so the cost hardly grows with the size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


def erode(mask: Flags, size: int, *, beyond_frame: bool) -> Flags:
    """Keep the pixels of H×W whose size×size square is all set.

    The square reaches size//2 up and left and the rest down and right, like scipy's binary_erosion
    of ones((size, size)); outside of the picture all is `beyond_frame`.
    """
    before, after = size // 2, size - 1 - size // 2
    padded = np.pad(mask, (before, after), constant_values=beyond_frame)
    return _and_columns(_and_rows(padded, size), size)


def grow(marks: Flags, radius: int) -> Flags:
    """Widen marked pixels of H×W by `radius` pixels in all directions, square."""
    return ~erode(~marks, 2 * radius + 1, beyond_frame=True)


def _and_rows(mask: Flags, size: int) -> Flags:
    """And together each `size` neighbouring rows."""
    reach = 1
    while reach < size:
        step = min(reach, size - reach)
        mask = mask[:-step] & mask[step:]
        reach += step
    return mask


def _and_columns(mask: Flags, size: int) -> Flags:
    """And together each `size` neighbouring columns."""
    reach = 1
    while reach < size:
        step = min(reach, size - reach)
        mask = mask[:, :-step] & mask[:, step:]
        reach += step
    return mask
