"""How is a picture averaged to a small one, and a small grid read between its samples?"""

from __future__ import annotations

from math import floor

import numpy as np
from numpy.typing import NDArray

from inference.kernels.compiling import byte, integer, kernel, nothing, part, reads, real, writes


@part
def _first_under(cell: int, pixels: int, cells: int) -> int:
    """Return the first pixel whose centre lies under a cell: cell · pixels / cells, rounded."""
    return (2 * cell * pixels + cells) // (2 * cells)


@kernel(writes(byte, 3), reads(byte, 3), integer, integer)
def average(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Shrink H×W×3 to height×width×3: the mean of all whose centres lie under each pixel.

    Neither side may grow.
    """
    tall, wide, _ = rgb.shape
    sums = np.empty(wide * 3, np.uint32)
    result = np.empty((height, width, 3), np.uint8)
    for row in range(height):
        top, bottom = _first_under(row, tall, height), _first_under(row + 1, tall, height)
        sums[:] = 0
        for y in range(top, bottom):
            line = rgb[y].reshape(wide * 3)
            for x in range(wide * 3):
                sums[x] += line[x]
        for column in range(width):
            left, right = _first_under(column, wide, width), _first_under(column + 1, wide, width)
            red, green, blue = np.uint32(0), np.uint32(0), np.uint32(0)
            for x in range(left, right):
                red += sums[3 * x]
                green += sums[3 * x + 1]
                blue += sums[3 * x + 2]
            unit, half = np.float32(1 / ((bottom - top) * (right - left))), np.float32(0.5)
            result[row, column, 0] = np.uint8(red * unit + half)
            result[row, column, 1] = np.uint8(green * unit + half)
            result[row, column, 2] = np.uint8(blue * unit + half)
    return result


@kernel(writes(byte, 3), reads(byte, 3))
def soften(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blur H×W×3 by an eighth of each neighbour: an average then becomes one under a triangle."""
    tall, wide, _ = rgb.shape
    line = np.empty((wide + 2) * 3, np.uint16)
    result = np.empty_like(rgb)
    for row in range(tall):
        above, below = rgb[max(row - 1, 0)], rgb[min(row + 1, tall - 1)]
        for x in range(wide):
            for band in range(3):
                near = np.uint16(6) * rgb[row, x, band]
                line[3 * x + 3 + band] = near + above[x, band] + below[x, band]
        line[:3], line[-3:] = line[3:6], line[-6:-3]
        into = result[row].reshape(wide * 3)
        for place in range(wide * 3):
            total = np.uint16(6) * line[place + 3] + line[place] + line[place + 6]
            into[place] = np.uint8((total + np.uint16(32)) >> np.uint16(6))
    return result


@part
def blend_rows(grid: NDArray[np.float32], position: float, line: NDArray[np.float32]) -> None:
    """Write the row of an h×w×c grid at a position to a line of w+2 samples, the ends twice."""
    tall, wide, bands = grid.shape
    above = floor(position)
    far = np.float32(position - above)
    upper, lower = grid[min(max(above, 0), tall - 1)], grid[min(max(above + 1, 0), tall - 1)]
    for x in range(wide):
        for band in range(bands):
            line[x + 1, band] = upper[x, band] + far * (lower[x, band] - upper[x, band])
    line[0] = line[1]
    line[wide + 1] = line[wide]


@kernel(writes(real, 3), reads(byte, 3), reads(byte, 2), reads(byte, 2, "A"), integer, integer)
def average_ground(
    rgb: NDArray[np.uint8], mask: NDArray[np.uint8], own: NDArray[np.uint8], faint: int, blocks: int
) -> NDArray[np.float32]:
    """Return h×w×4: mean colour of the ground in blocks of pixels, and which share is ground.

    Ground is where the mask is at most `faint` and the picture's own alpha is not 0.
    """
    height, width = mask.shape
    tall, wide = -(-height // blocks), -(-width // blocks)
    sums, counts = np.empty(width * 3, np.uint32), np.empty(width, np.uint32)
    result = np.zeros((tall, wide, 4), np.float32)
    for row in range(tall):
        sums[:] = 0
        counts[:] = 0
        first, last = row * blocks, min(height, (row + 1) * blocks)
        for y in range(first, last):
            line, shares, opacity = rgb[y].reshape(width * 3), mask[y], own[y]
            x = 0
            while x < width:
                while x < width and (shares[x] > faint or opacity[x] == 0):
                    x += 1
                begin = x
                while x < width and shares[x] <= faint and opacity[x] > 0:
                    x += 1
                some, values = sums[3 * begin : 3 * x], line[3 * begin : 3 * x]
                for place in range(3 * (x - begin)):
                    some[place] += values[place]
                counts[begin:x] += np.uint32(1)
        for column in range(wide):
            begin, end = column * blocks, min(width, (column + 1) * blocks)
            cell, count = result[row, column], 0
            for x in range(begin, end):
                count += counts[x]
                for band in range(3):
                    cell[band] += np.float32(sums[3 * x + band])
            for band in range(3):
                cell[band] /= np.float32(max(count, 1))
            cell[3] = np.float32(count / ((end - begin) * (last - first)))
    return result


@kernel(writes(real, 3), reads(real, 3))
def halve_known(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average blocks of 2×2 of h×w×4, by their last, the share that is known; it is summed to 1."""
    tall, wide, _ = cells.shape
    result = np.zeros(((tall + 1) // 2, (wide + 1) // 2, 4), np.float32)
    for row in range(result.shape[0]):
        for column in range(result.shape[1]):
            into = result[row, column]
            for y in range(2 * row, min(2 * row + 2, tall)):
                for x in range(2 * column, min(2 * column + 2, wide)):
                    share = cells[y, x, 3]
                    for band in range(3):
                        into[band] += share * cells[y, x, band]
                    into[3] += share
            for band in range(3):
                into[band] /= max(into[3], np.float32(1e-6))
            into[3] = min(into[3], np.float32(1))
    return result


@kernel(nothing, writes(real, 3), reads(real, 3))
def fill_unknown(cells: NDArray[np.float32], larger: NDArray[np.float32]) -> None:
    """Complete h×w×4 by what blocks twice as large say, bilinear (push and pull, Gortler 1996)."""
    tall, wide, _ = cells.shape
    line = np.empty((larger.shape[1] + 2, 4), np.float32)
    for row in range(tall):
        blend_rows(larger, (row + 0.5) / 2 - 0.5, line)
        for column in range(wide):
            cell = cells[row, column]
            if cell[3] >= 1:
                continue
            near, far = line[column // 2 + 1], line[column // 2 + 2 * (column % 2)]
            for band in range(3):
                around = near[band] * np.float32(0.75) + far[band] * np.float32(0.25)
                cell[band] = around + cell[3] * (cell[band] - around)
            cell[3] = 1
