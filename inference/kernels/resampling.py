"""How is a picture averaged to a small one, and a small grid read between its samples?"""

from __future__ import annotations

from math import floor

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import (
    byte,
    count,
    integer,
    kernel,
    part,
    reads,
    real,
    word,
    writes,
)

Bytes = NDArray[np.uint8]
Cells = NDArray[np.float32]
Words = NDArray[np.uint16]
Counts = NDArray[np.uint32]

MOST_ROWS = 256
"""That are averaged to one: their sums have 16 bits."""


@part
def _first_under(cell: int, pixels: int, cells: int) -> int:
    """Return the first pixel whose centre lies under a cell: cell · pixels / cells, rounded."""
    return (2 * cell * pixels + cells) // (2 * cells)


def average(rgb: Bytes, width: int, height: int) -> Bytes:
    """Shrink H×W×3 to height×width×3: the mean of all whose centres lie under each pixel.

    Neither side may grow, nor the height shrink more than `MOST_ROWS` times.
    """
    result = np.empty((height, width, 3), np.uint8)
    lines = rgb.reshape(rgb.shape[0], -1)
    sums, totals = np.empty(lines.shape[1], np.uint16), np.zeros(lines.shape[1] + 3, np.uint32)
    _average(lines, sums, totals, result)
    return result


@part
def add_up(sums: Words, totals: Counts) -> None:
    """Write for each pixel of three bands the sums of all before it; the first are there: 0."""
    red, green, blue = np.uint32(0), np.uint32(0), np.uint32(0)
    for x in range(len(sums) // 3):
        red += sums[3 * x]
        green += sums[3 * x + 1]
        blue += sums[3 * x + 2]
        totals[3 * x + 3], totals[3 * x + 4], totals[3 * x + 5] = red, green, blue


@kernel(reads(byte, 2), writes(word, 1), writes(count, 1), writes(byte, 3))
def _average(lines: Bytes, sums: Words, totals: Counts, result: Bytes) -> None:
    height, width, _ = result.shape
    tall, wide = len(lines), lines.shape[1] // 3
    for row in range(height):
        top, bottom = _first_under(row, tall, height), _first_under(row + 1, tall, height)
        sums[:] = 0
        for y in range(top, bottom):
            line = lines[y]
            for x in range(wide * 3):
                sums[x] += line[x]
        add_up(sums, totals)
        right = 0
        for column in range(width):
            left, right = right, _first_under(column + 1, wide, width)
            unit = np.float32(1) / np.float32((bottom - top) * (right - left))
            for band in range(3):
                total = np.uint32(totals[3 * right + band] - totals[3 * left + band])
                result[row, column, band] = np.uint8(np.int32(total * unit + np.float32(0.5)))


def soften(rgb: Bytes) -> Bytes:
    """Blur H×W×3 by an eighth of each neighbour: an average then becomes one under a triangle."""
    result = np.empty_like(rgb)
    _soften(rgb, np.empty((rgb.shape[1] + 2) * 3, np.uint16), result.reshape(len(rgb), -1))
    return result


@kernel(reads(byte, 3), writes(word, 1), writes(byte, 2))
def _soften(rgb: Bytes, line: Words, result: Bytes) -> None:
    tall, wide, _ = rgb.shape
    for row in range(tall):
        above, below = rgb[max(row - 1, 0)], rgb[min(row + 1, tall - 1)]
        for x in range(wide):
            for band in range(3):
                near = np.uint16(6) * rgb[row, x, band]
                line[3 * x + 3 + band] = near + above[x, band] + below[x, band]
        for band in range(3):
            line[band], line[band - 3] = line[band + 3], line[band - 6]
        into = result[row]
        for place in range(wide * 3):
            total = np.uint16(6) * line[place + 3] + line[place] + line[place + 6]
            into[place] = np.uint8((total + np.uint16(32)) >> np.uint16(6))


@part
def place_samples(first: int, share: float, samples: int, before: Counts, far: Cells) -> None:
    """Write for each pixel the sample before it in a padded line, and its share of the next.

    The first sample begins `first` pixels before the first pixel; a pixel's side is such a share
    of a sample's.
    """
    for x in range(len(before)):
        position = min(max((x + first + 0.5) * share + 0.5, 0.5), samples + 0.5)
        before[x] = np.uint32(position)
        far[x] = np.float32(position - before[x])


@part
def blend_rows(grid: Cells, bands: int, position: float, line: Cells) -> None:
    """Write the row of a grid at a position to a line, its first and last sample twice.

    The grid is h×w·c, the line (w + 2)·c of so many bands.
    """
    tall, size = grid.shape
    above = floor(position)
    far = np.float32(position - above)
    upper, lower = grid[min(max(above, 0), tall - 1)], grid[min(max(above + 1, 0), tall - 1)]
    inner = line[bands : bands + size]
    for place in range(size):
        inner[place] = upper[place] + far * (lower[place] - upper[place])
    repeat_ends(line, bands)


@part
def repeat_ends(line: Cells, bands: int) -> None:
    """Write the first and last samples of a line again, one place further out."""
    end = len(line) - bands
    for band in range(bands):
        line[band], line[end + band] = line[bands + band], line[end - bands + band]


def average_ground(rgb: Bytes, is_ground: Bytes, blocks: int) -> Cells:
    """Return h×w×4: mean colour of the ground in blocks of pixels, and which share is ground.

    `is_ground` is 1 or 0.
    """
    height, width = is_ground.shape
    result = np.zeros((-(-height // blocks), -(-width // blocks), 4), np.float32)
    sums, counts = np.empty(width * 3, np.uint32), np.empty(width, np.uint32)
    _average_ground(rgb.reshape(height, -1), is_ground, blocks, sums, counts, result)
    return result


@kernel(
    *(reads(byte, 2), reads(byte, 2), integer),
    *(writes(count, 1), writes(count, 1), writes(real, 3)),
)
def _average_ground(
    lines: Bytes, is_ground: Bytes, blocks: int, sums: Counts, counts: Counts, result: Cells
) -> None:
    height, width = is_ground.shape
    tall, wide, _ = result.shape
    for row in range(tall):
        sums[:] = 0
        counts[:] = 0
        first, last = row * blocks, min(height, (row + 1) * blocks)
        for y in range(first, last):
            line, marks = lines[y], is_ground[y]
            for x in range(width):
                kept = np.uint8(255) if marks[x] else np.uint8(0)
                sums[3 * x] += line[3 * x] & kept
                sums[3 * x + 1] += line[3 * x + 1] & kept
                sums[3 * x + 2] += line[3 * x + 2] & kept
            for x in range(width):
                counts[x] += marks[x]
        for column in range(wide):
            begin, end = column * blocks, min(width, (column + 1) * blocks)
            cell, found = result[row, column], 0
            for x in range(begin, end):
                found += counts[x]
                for band in range(3):
                    cell[band] += np.float32(sums[3 * x + band])
            for band in range(3):
                cell[band] /= np.float32(max(found, 1))
            cell[3] = np.float32(found / ((end - begin) * (last - first)))


def halve_known(cells: Cells) -> Cells:
    """Average blocks of 2×2 of h×w×4, by their last, the share that is known; it is summed to 1."""
    tall, wide, _ = cells.shape
    result = np.zeros(((tall + 1) // 2, (wide + 1) // 2, 4), np.float32)
    _halve_known(cells, result)
    return result


@kernel(reads(real, 3), writes(real, 3))
def _halve_known(cells: Cells, result: Cells) -> None:
    tall, wide, _ = cells.shape
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


def fill_unknown(cells: Cells, larger: Cells) -> None:
    """Complete h×w×4 by what blocks twice as large say, bilinear (push and pull, Gortler 1996)."""
    line = np.empty((larger.shape[1] + 2) * 4, np.float32)
    _fill_unknown(cells, larger.reshape(len(larger), -1), line)


@kernel(writes(real, 3), reads(real, 2), writes(real, 1))
def _fill_unknown(cells: Cells, larger: Cells, line: Cells) -> None:
    tall, wide, _ = cells.shape
    for row in range(tall):
        blend_rows(larger, 4, (row + 0.5) / 2 - 0.5, line)
        for column in range(wide):
            cell = cells[row, column]
            if cell[3] >= 1:
                continue
            own, beside = 4 * (column // 2 + 1), 4 * (column // 2 + 2 * (column % 2))
            near, far = line[own : own + 4], line[beside : beside + 4]
            for band in range(3):
                around = near[band] * np.float32(0.75) + far[band] * np.float32(0.25)
                cell[band] = around + cell[3] * (cell[band] - around)
            cell[3] = 1
