"""Which foreground and background colours does each block of pixels mix, by its alpha?

Every pixel mixes two colours by its alpha, and both are smooth along an edge (Germer, Uelwer,
Conrad and Harmeling 2020): over a pyramid of blocks they are the least squares of the block's
pixels, drawn to the larger block's. Cells hold eight numbers, one register: two colours of three,
each with one more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import byte, integer, kernel, part, reads, real, word, writes
from inference.kernels.resampling import repeat_ends

Bytes = NDArray[np.uint8]
Cells = NDArray[np.float32]
Words = NDArray[np.uint16]

_PULL = np.float32(0.1)  # of the larger block's colours, where 1 is that of a pixel's own


@part
def _keep_moments(cell: Cells, red: int, green: int, blue: int, share: int, pixels: int) -> None:
    unit = np.float32(1 / pixels)
    front = np.float32(share) * unit * np.float32(1 / 255)
    back = np.float32(1) - front
    cell[0], cell[1], cell[2] = (
        np.float32(red) * unit,
        np.float32(green) * unit,
        np.float32(blue) * unit,
    )
    for band in range(3):
        cell[4 + band] = cell[band] * back
        cell[band] *= front
    cell[3], cell[7] = front * front, front * back


@part
def _beside(row: int, tall: int) -> int:
    """Tell which larger block, beside its own, lies nearest."""
    return min(max(row // 2 + 2 * (row % 2) - 1, 0), tall - 1)


@part
def _in_bytes(value: np.float32) -> np.float32:
    return min(max(value, np.float32(0)), np.float32(255))


def measure_blocks(
    rgb: Bytes, alpha: Bytes, top: int, bottom: int, left: int, right: int, blocks: int
) -> Cells:
    """Return h×w×8 moments of blocks of a part of the picture; the last may be cut off.

    Mean colour times share, that of alpha squared; mean colour times the rest, alpha times rest.
    """
    width = right - left
    result = np.empty((-(-(bottom - top) // blocks), -(-width // blocks), 8), np.float32)
    sums = np.empty(width * 3, np.uint16), np.empty(width, np.uint16)
    lines = rgb.reshape(len(rgb), -1)
    _measure_blocks(lines, alpha, top, bottom, left, right, blocks, *sums, result)
    return result


@kernel(
    *[reads(byte, 2)] * 2,
    *[integer] * 5,
    *(writes(word, 1), writes(word, 1), writes(real, 3)),
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
        for column in range(wide):
            begin, end = column * blocks, min(width, (column + 1) * blocks)
            red, green, blue, share = 0, 0, 0, 0
            for x in range(begin, end):
                red += colours[3 * x]
                green += colours[3 * x + 1]
                blue += colours[3 * x + 2]
                share += opacity[x]
            _keep_moments(
                result[row, column], red, green, blue, share, (end - begin) * (last - first)
            )


def halve(moments: Cells) -> Cells:
    """Average blocks of 2×2 cells; an odd last row or column counts twice."""
    tall, wide, _ = moments.shape
    result = np.empty(((tall + 1) // 2, (wide + 1) // 2, 8), np.float32)
    _halve(moments, result)
    return result


@kernel(reads(real, 3), writes(real, 3))
def _halve(moments: Cells, result: Cells) -> None:
    tall, wide, _ = moments.shape
    for row in range(result.shape[0]):
        upper, lower = moments[2 * row], moments[min(2 * row + 1, tall - 1)]
        for column in range(result.shape[1]):
            left, right = 2 * column, min(2 * column + 1, wide - 1)
            for slot in range(8):
                total = upper[left, slot] + upper[right, slot]
                total += lower[left, slot] + lower[right, slot]
                result[row, column, slot] = total * np.float32(0.25)


def separate(moments: Cells, larger: Cells) -> Cells:
    """Return h×w×8, foreground and background colour in 0..255, drawn to blocks twice as large.

    A 2×2 system in every band; the sum of the three moments of alpha is 1.
    """
    result = np.empty_like(moments)
    _separate(moments, larger, np.empty((larger.shape[1] + 2, 8), np.float32), result)
    return result


@kernel(reads(real, 3), reads(real, 3), writes(real, 2), writes(real, 3))
def _separate(moments: Cells, larger: Cells, line: Cells, result: Cells) -> None:
    tall, wide, _ = moments.shape
    for row in range(tall):
        near, far = larger[row // 2], larger[_beside(row, larger.shape[0])]
        for column in range(larger.shape[1]):
            for slot in range(8):
                line[column + 1, slot] = (
                    near[column, slot] * np.float32(0.75) + far[column, slot] * np.float32(0.25)
                ) * _PULL
        repeat_ends(line)
        for column in range(wide):
            cell, own = moments[row, column], result[row, column]
            close, beside = line[column // 2 + 1], line[column // 2 + 2 * (column % 2)]
            front, mixed = cell[3], cell[7]
            rest = np.float32(1) - front - np.float32(2) * mixed + _PULL
            front += _PULL
            scale = np.float32(1) / (front * rest - mixed * mixed)
            for band in range(4):
                ahead = cell[band] + (
                    close[band] * np.float32(0.75) + beside[band] * np.float32(0.25)
                )
                behind = cell[4 + band] + (
                    close[4 + band] * np.float32(0.75) + beside[4 + band] * np.float32(0.25)
                )
                own[band] = _in_bytes((ahead * rest - behind * mixed) * scale)
                own[4 + band] = _in_bytes((behind * front - ahead * mixed) * scale)
