"""What does closed-form matting ask of the unknown pixels: Levin, Lischinski and Weiss (2008).

Only the rows of unknown pixels are kept, and of the windows only those that hold one: cost and
memory follow the band, not the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.kernels.affinity import SLOTS, add_windows
from inference.steps.trimap import BACKGROUND, FOREGROUND

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

EPSILON = 1e-7  # pymatting's default; less needs float64 already


@dataclass(frozen=True, slots=True)
class Band:
    """The n unknown pixels of an h×w trimap, in row order."""

    trimap: NDArray[np.uint8]
    spots: NDArray[np.int32]
    """n places y·w + x."""
    numbers: NDArray[np.int32]
    """h×w: which of them a pixel is, -1 where it is none."""

    @classmethod
    def of(cls, trimap: NDArray[np.uint8]) -> Band:
        """Find the pixels that are neither 0 nor 255."""
        unknown = (trimap != FOREGROUND) & (trimap != BACKGROUND)
        spots = np.flatnonzero(unknown).astype(np.int32)
        numbers = np.full(trimap.shape, -1, np.int32)
        numbers.ravel()[spots] = np.arange(spots.size, dtype=np.int32)
        return cls(np.ascontiguousarray(trimap), spots, numbers)


@dataclass(frozen=True, slots=True)
class MattingSystem:
    """Matrix · alpha = pull, for the n unknown pixels of a band."""

    band: Band
    values: NDArray[np.float64]
    """25×n: a pixel's row of the matrix, 5×5 around it; what falls on known pixels is in `pull`."""
    pull: NDArray[np.float64]
    """What the known foreground adds on the right-hand side."""

    def to_matrix(self) -> csr_matrix:
        """Return the n×n matrix for solvers of scipy's kind."""
        from scipy.sparse import csr_matrix

        around = np.full((self.band.spots.size, 25), -1, np.int32)
        for slot, there, place in _neighbours(self.band):
            around[there, slot] = self.band.numbers.ravel()[place]
        values = self.values.T
        kept = (around >= 0) & (values != 0)
        starts = np.zeros(around.shape[0] + 1, np.int32)
        np.cumsum(kept.sum(axis=1), out=starts[1:])
        size = around.shape[0], around.shape[0]
        return csr_matrix((values[kept], around[kept], starts), shape=size)


def assemble(rgb: NDArray[np.uint8], band: Band, *, epsilon: float = EPSILON) -> MattingSystem:
    """Build the system of an h×w picture."""
    values = np.zeros((SLOTS, band.spots.size))
    add_windows(np.ascontiguousarray(rgb), band.numbers, epsilon, values)
    pull = np.zeros(band.spots.size)
    is_foreground = band.trimap.ravel() == FOREGROUND
    for slot, there, place in _neighbours(band):
        pull[there] += values[slot, there] * is_foreground[place]
    return MattingSystem(band, values, -pull)


def _neighbours(band: Band) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.int32]]]:
    """Yield for each slot of the 5×5 which pixels of the band have a neighbour there, and where."""
    height, width = band.numbers.shape
    rows, columns = np.divmod(band.spots, np.int32(width))
    for slot in range(25):
        down, right = slot // 5 - 2, slot % 5 - 2
        inside = (rows + down >= 0) & (rows + down < height)
        inside &= (columns + right >= 0) & (columns + right < width)
        there = np.flatnonzero(inside)
        yield slot, there, band.spots[there] + np.int32(down * width + right)
