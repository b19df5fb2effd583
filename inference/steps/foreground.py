"""Which colours has the subject itself on its soft edges, where the old background shines through.

Every pixel mixes a foreground and a background colour by its alpha (Germer, Uelwer, Conrad and
Harmeling 2020). Both are estimated over a pyramid of blocks, from the part of the picture around
the soft edges to a working size, and read between the blocks where a cut-out is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from inference.kernels.colours import find_soft, halve, measure_blocks, separate

Bytes = NDArray[np.uint8]

_WORKING_PIXELS = 64_000
_MARGIN_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class EdgeColours:
    """Foreground and background colour of blocks of pixels, h×w×8 float32, and where they lie."""

    cells: NDArray[np.float32]
    grid: tuple[int, int, int]
    """Top, left, and pixels a side of a block."""


NO_COLOURS = EdgeColours(np.zeros((1, 1, 8), np.float32), (0, 0, 1))


def estimate_colours(rgb: Bytes, alpha: Bytes) -> EdgeColours:
    """Estimate what H×W×3 pixels mix wherever alpha is 1..254."""
    rows, columns = find_soft(alpha)
    if rows.size == 0:
        return NO_COLOURS
    down = _span(rows, alpha.shape[0])
    across = _span(columns, alpha.shape[1])
    (top, bottom), (left, right) = down, across
    blocks = max(1, round(sqrt((bottom - top) * (right - left) / _WORKING_PIXELS)))
    levels = [measure_blocks(rgb, alpha, top, bottom, left, right, blocks)]
    while max(levels[-1].shape[:2]) > 1:
        levels.append(halve(levels[-1]))
    whole = levels[-1][..., :4] + levels[-1][..., 4:]  # the mean colour of all
    cells = np.concatenate([whole, whole], axis=-1)
    for level in reversed(levels):
        cells = separate(level, cells)
    return EdgeColours(cells, (top, left, blocks))


def _span(places: NDArray[np.intp], length: int) -> tuple[int, int]:
    """Reach from the first to the last place and a little beyond, to see pure colours too."""
    margin = 8 + int(length * _MARGIN_SHARE)
    return max(0, int(places[0]) - margin), min(length, int(places[-1]) + 1 + margin)
