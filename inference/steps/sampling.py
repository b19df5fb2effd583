"""What has a small grid of values to say at given pixels of a large picture: bilinear look-ups.

Where few pixels of the large picture matter, looking them up is cheaper than enlarging the grid.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float32]
Indices = NDArray[np.intp]

_CHUNK = 1 << 14


def chunks(count: int) -> Iterator[slice]:
    """Cut 0..count into slices so short that the temporaries of each stay in the cache."""
    for start in range(0, count, _CHUNK):
        yield slice(start, min(start + _CHUNK, count))


class Sampler:
    """Looks up an h×w×c float32 grid at pixels of an H×W picture that it covers."""

    def __init__(self, grid: Grid, height: int, width: int) -> None:
        """Prepare the look-up tables of each row and column."""
        small_height, small_width, channels = grid.shape
        self._flat = np.ascontiguousarray(grid).reshape(-1, channels)
        self._width = width
        self._small_width = small_width
        self._above, self._down = _between(small_height, height)
        self._before, self._right = _between(small_width, width)
        self._below = small_width if small_height > 1 else 0
        self._beside = 1 if small_width > 1 else 0

    def at(self, pixels: Indices) -> Grid:
        """Return n×c values at n flat indices (row · W + column); best in `chunks`."""
        rows, columns = np.divmod(pixels, self._width)
        index = self._above[rows] * self._small_width + self._before[columns]
        share = self._right[columns, np.newaxis]
        upper = self._row(index, share)
        index += self._below
        return _mix(upper, self._row(index, share), self._down[rows, np.newaxis])

    def _row(self, index: Indices, share: Grid) -> Grid:
        return _mix(self._flat.take(index, 0), self._flat.take(index + self._beside, 0), share)


def _mix(first: Grid, second: Grid, share: Grid) -> Grid:
    second -= first
    second *= share
    second += first
    return second


def _between(small: int, large: int) -> tuple[Indices, Grid]:
    """Return for each of `large` places the small sample before it, and the way to the next."""
    position = (np.arange(large, dtype=np.float32) + 0.5) * np.float32(small / large) - 0.5
    np.clip(position, 0, small - 1, out=position)
    before = np.minimum(position.astype(np.intp), max(small - 2, 0))
    return before, (position - before).astype(np.float32)
