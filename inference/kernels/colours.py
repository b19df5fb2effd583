"""Which foreground and background colours does each block of pixels mix, by its alpha?

Every pixel mixes two colours by its alpha, and both are smooth along an edge (Germer, Uelwer,
Conrad and Harmeling 2020): over a pyramid of blocks they are the least squares of the block's
pixels, drawn to the larger block's. Cells hold eight numbers, one register: two colours of three,
each with one more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.composing import UNIT, is_soft
from inference.kernels.kernel import byte, count, integer, kernel, part, reads, real, word, writes
from inference.kernels.resampling import repeat_ends

Bytes = NDArray[np.uint8]
Cells = NDArray[np.float32]
Words = NDArray[np.uint16]
Counts = NDArray[np.uint32]
Four = tuple[np.float32, np.float32, np.float32, np.float32]

_NEAR, _FAR = np.float32(0.75), np.float32(0.25)
_1, _2, _3 = np.uintp(1), np.uintp(2), np.uintp(3)
_PULL = np.float32(0.1)  # of the larger block's colours, where 1 is that of a pixel's own


@part
def _beside(row: int, tall: int) -> int:
    """Tell which larger block, beside its own, lies nearest."""
    return min(max(row // 2 + 2 * (row % 2) - 1, 0), tall - 1)


@part
def _in_bytes(value: np.float32) -> np.float32:
    return min(max(value, np.float32(0)), np.float32(255))


def find_soft(alpha: Bytes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and the columns of an H×W alpha where some pixel is 1..254."""
    rows, columns = np.empty(alpha.shape[0], np.uint8), np.zeros(alpha.shape[1], np.uint8)
    _find_soft(alpha, rows, columns)
    return np.flatnonzero(rows), np.flatnonzero(columns)


@kernel(reads(byte, 2), writes(byte, 1), writes(byte, 1))
def _find_soft(alpha: Bytes, rows: Bytes, columns: Bytes) -> None:
    for y in range(len(rows)):
        shares, some = alpha[y], np.uint8(0)
        for x in range(len(columns)):
            found = np.uint8(is_soft(shares[x]))
            columns[x] |= found
            some |= found
        rows[y] = some


def measure_blocks(
    rgb: Bytes, alpha: Bytes, top: int, bottom: int, left: int, right: int, blocks: int
) -> Cells:
    """Return h×w×8 moments of blocks of a part of the picture; the last may be cut off.

    Mean colour times share, that of alpha squared; mean colour times the rest, alpha times rest.
    """
    width = right - left
    result = np.empty((-(-(bottom - top) // blocks), -(-width // blocks), 8), np.float32)
    sums = np.empty(width * 3, np.uint16), np.empty(width, np.uint16)
    totals = np.zeros(width * 4 + 4, np.uint32)
    lines = rgb.reshape(len(rgb), -1)
    _measure_blocks(lines, alpha, top, bottom, left, right, blocks, *sums, totals, result)
    return result


@part
def _add_up(colours: Words, opacity: Words, totals: Counts) -> None:
    """Write for each pixel the sums of all before it: four a pixel, the last of alpha."""
    red, green, blue, share = np.uint32(0), np.uint32(0), np.uint32(0), np.uint32(0)
    for x in range(len(opacity)):
        red += colours[3 * x]
        green += colours[3 * x + 1]
        blue += colours[3 * x + 2]
        share += opacity[x]
        totals[4 * x + 4], totals[4 * x + 5], totals[4 * x + 6] = red, green, blue
        totals[4 * x + 7] = share


@part
def _mean(totals: Counts, begin: int, end: int, band: int, unit: np.float32) -> np.float32:
    first, last = totals[np.uintp(4 * begin + band)], totals[np.uintp(4 * end + band)]
    return np.float32(np.uint32(last - first)) * unit


@kernel(
    *[reads(byte, 2)] * 2,
    *[integer] * 5,
    *(writes(word, 1), writes(word, 1), writes(count, 1), writes(real, 3)),
)
def _measure_blocks(
    lines: Bytes,
    alpha: Bytes,
    top: int,
    bottom: int,
    left: int,
    right: int,
    blocks: int,
    colours: Words,
    opacity: Words,
    totals: Counts,
    result: Cells,
) -> None:
    tall, wide, _ = result.shape
    width = right - left
    for row in range(tall):
        colours[:] = 0
        opacity[:] = 0
        first, last = top + row * blocks, min(bottom, top + (row + 1) * blocks)
        for y in range(first, last):
            line, shares = lines[y, 3 * left : 3 * right], alpha[y, left:right]
            for x in range(width * 3):
                colours[x] += line[x]
            for x in range(width):
                opacity[x] += shares[x]
        _add_up(colours, opacity, totals)
        for column in range(wide):
            begin, end = column * blocks, min(width, (column + 1) * blocks)
            unit = np.float32(1) / np.float32((end - begin) * (last - first))
            front = _mean(totals, begin, end, 3, unit) * UNIT
            back = np.float32(1) - front
            red = _mean(totals, begin, end, 0, unit)
            green = _mean(totals, begin, end, 1, unit)
            blue = _mean(totals, begin, end, 2, unit)
            cell = result[row, column]
            cell[0], cell[1], cell[2] = red * front, green * front, blue * front
            cell[4], cell[5], cell[6] = red * back, green * back, blue * back
            cell[3], cell[7] = front * front, front * back


def halve(moments: Cells) -> Cells:
    """Average blocks of 2×2 cells; an odd last row or column counts twice."""
    tall, wide, _ = moments.shape
    result = np.empty(((tall + 1) // 2, (wide + 1) // 2, 8), np.float32)
    _halve(moments, result)
    return result


@part
def _mean_of_four(upper: Cells, lower: Cells, left: int, right: int, slot: int) -> np.float32:
    total = upper[left, slot] + upper[right, slot]
    return np.float32((total + (lower[left, slot] + lower[right, slot])) * np.float32(0.25))


@kernel(reads(real, 3), writes(real, 3))
def _halve(moments: Cells, result: Cells) -> None:
    tall, wide, _ = moments.shape
    for row in range(result.shape[0]):
        upper, lower = moments[2 * row], moments[min(2 * row + 1, tall - 1)]
        for column in range(result.shape[1]):
            left, right = 2 * column, min(2 * column + 1, wide - 1)
            cell = result[row, column]
            for half in (0, 4):
                cell[half], cell[half + 1], cell[half + 2], cell[half + 3] = (
                    _mean_of_four(upper, lower, left, right, half),
                    _mean_of_four(upper, lower, left, right, half + 1),
                    _mean_of_four(upper, lower, left, right, half + 2),
                    _mean_of_four(upper, lower, left, right, half + 3),
                )


def separate(moments: Cells, larger: Cells) -> Cells:
    """Turn h×w×8 moments to foreground and background colours in 0..255, and return them.

    They are drawn to those of blocks twice as large. A 2×2 system in every band; the sum of the
    three moments of alpha is 1.
    """
    line = np.empty((larger.shape[1] + 2) * 8, np.float32)
    _separate(moments, larger.reshape(len(larger), -1), line)
    return moments


@part
def _pull(cell: Cells, first: int, line: Cells, close: int, beside: int) -> Four:
    """Add to half a cell what its larger block and the one beside that say.

    All four are read before any is written, so that they are done at once.
    """
    near, far = np.uintp(close + first), np.uintp(beside + first)
    return (
        cell[first] + (line[near] * _NEAR + line[far] * _FAR),
        cell[first + 1] + (line[near + _1] * _NEAR + line[far + _1] * _FAR),
        cell[first + 2] + (line[near + _2] * _NEAR + line[far + _2] * _FAR),
        cell[first + 3] + (line[near + _3] * _NEAR + line[far + _3] * _FAR),
    )


@part
def _solve(one: Four, other: Four, own: np.float32, mixed: np.float32, scale: np.float32) -> Four:
    return (
        _in_bytes((one[0] * own - other[0] * mixed) * scale),
        _in_bytes((one[1] * own - other[1] * mixed) * scale),
        _in_bytes((one[2] * own - other[2] * mixed) * scale),
        _in_bytes((one[3] * own - other[3] * mixed) * scale),
    )


@kernel(writes(real, 3), reads(real, 2), writes(real, 1))
def _separate(cells: Cells, larger: Cells, line: Cells) -> None:
    tall, wide, _ = cells.shape
    for row in range(tall):
        near, far = larger[row // 2], larger[_beside(row, len(larger))]
        inner = line[8 : 8 + len(near)]
        for place in range(len(near)):
            inner[place] = (near[place] * _NEAR + far[place] * _FAR) * _PULL
        repeat_ends(line, 8)
        for column in range(wide):
            cell = cells[row, column]
            close, beside = 8 * (column // 2 + 1), 8 * (column // 2 + 2 * (column % 2))
            front, mixed = cell[3], cell[7]
            rest = np.float32(1) - front - np.float32(2) * mixed + _PULL
            front += _PULL
            scale = np.float32(1) / (front * rest - mixed * mixed)
            ahead, behind = _pull(cell, 0, line, close, beside), _pull(cell, 4, line, close, beside)
            ahead, behind = (
                _solve(ahead, behind, rest, mixed, scale),
                _solve(behind, ahead, front, mixed, scale),
            )
            cell[0], cell[1], cell[2], cell[3] = ahead
            cell[4], cell[5], cell[6], cell[7] = behind
