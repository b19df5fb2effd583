"""What has a small grid of values to say about parts of a large picture: bilinear, tile by tile.

A bilinear enlargement is a small matrix from either side. Tiles without a pixel that matters are
left out, the others stay in the cache, and no plane of the large picture's size is ever made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Planes = NDArray[np.float32]
Flags = NDArray[np.bool_]
Unsigned = TypeVar("Unsigned", np.uint8, np.uint32)
Tile = tuple[slice, slice]

# So small that a tile's planes stay in the cache, and that the BLAS starts no threads for them.
_TILE_ROWS, _TILE_COLUMNS = 64, 96


def tiles(marked: Flags) -> Iterator[Tile]:
    """Yield the rows and columns of tiles that hold all marked pixels of an H×W picture."""
    height, width = marked.shape
    lefts = np.arange(0, width, _TILE_COLUMNS)
    for top in range(0, height, _TILE_ROWS):
        rows = slice(top, min(top + _TILE_ROWS, height))
        columns = marked[rows].any(axis=0)
        for left in lefts[np.logical_or.reduceat(columns, lefts)].tolist():
            yield rows, slice(left, min(left + _TILE_COLUMNS, width))


def as_pixels(rgba: Bytes) -> NDArray[np.uint32]:
    """View h×w×4 bytes as h×w numbers: what is done to a pixel is done to all its bytes at once."""
    return rgba.view(np.uint32)[..., 0]


def replace(place: NDArray[Unsigned], values: NDArray[Unsigned], where: Flags) -> None:
    """Write the values `where` it says; arithmetic that wraps is far faster than a masked copy."""
    change = values - place
    change *= where.view(np.uint8)
    place += change


class Enlarger:
    """Reads a c×h×w float32 grid at tiles of an H×W picture that it covers."""

    def __init__(self, grid: Planes, height: int, width: int, blocks: int = 0) -> None:
        """Keep the grid; each of its samples stands for so many `blocks` of pixels a side.

        0 means that the grid and the picture end together.
        """
        self._grid = grid
        self._down = grid.shape[1], 1 / blocks if blocks else grid.shape[1] / height
        self._across = grid.shape[2], 1 / blocks if blocks else grid.shape[2] / width
        self._rows: dict[int, tuple[slice, Planes]] = {}  # made once for a row of tiles
        self._columns: dict[int, tuple[slice, Planes]] = {}

    def read(self, tile: Tile) -> Planes:
        """Return c×rows×columns float32: the grid's values at a tile's pixels."""
        rows, columns = tile
        if rows.start not in self._rows:
            self._rows[rows.start] = _weights(*self._down, rows)
        if columns.start not in self._columns:
            span, weights = _weights(*self._across, columns)
            self._columns[columns.start] = span, np.ascontiguousarray(weights.T)
        above, down = self._rows[rows.start]
        before, right = self._columns[columns.start]
        part = np.matmul(self._grid[:, above, before], right)
        return np.asarray(np.matmul(down, part), np.float32)


def _weights(small: int, scale: float, places: slice) -> tuple[slice, Planes]:
    """Return which of `small` samples some places need, and each one's share in each place."""
    position = (np.arange(places.start, places.stop) + 0.5) * scale - 0.5
    position = np.clip(position, 0, small - 1)
    span = slice(int(position[0]), min(int(position[-1]) + 2, small))
    far = np.abs(position[:, np.newaxis] - np.arange(span.start, span.stop))
    return span, np.maximum(1 - far, 0).astype(np.float32)
