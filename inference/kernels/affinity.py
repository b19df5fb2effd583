"""What do neighbouring pixels' colours say about their alphas: closed-form matting's Laplacian.

Levin, Lischinski and Weiss (2008): in each 3×3 window alpha is a linear function of the colours.
Only rows of unknown pixels are kept, each with the 5×5 neighbours that it shares a window with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import byte, double, place, reads, spot, writes
from inference.kernels.kernel import exact_kernel as kernel
from inference.kernels.kernel import exact_part as part

Bytes = NDArray[np.uint8]
Places = NDArray[np.int32]
Spots = NDArray[np.int64]
Doubles = NDArray[np.float64]

SLOTS = 25  # of the neighbours, row by row; the pixel itself is in the middle


@part
def _is_wanted(numbers: Places, row: int, column: int) -> bool:
    """Tell whether the 3×3 window around a place holds an unknown pixel."""
    for y in range(row - 1, row + 2):
        for x in range(column - 1, column + 2):
            if numbers[y, x] >= 0:
                return True
    return False


@part
def _centre(rgb: Bytes, row: int, column: int, colours: Doubles) -> None:
    """Write the 9×3 colours of a window, in 0..1, less their mean."""
    for band in range(3):
        total = 0.0
        for pixel in range(9):
            colours[pixel, band] = rgb[row + pixel // 3 - 1, column + pixel % 3 - 1, band] / 255.0
            total += colours[pixel, band]
        for pixel in range(9):
            colours[pixel, band] -= total / 9


@part
def _whiten(colours: Doubles, epsilon: float, weighted: Doubles) -> None:
    """Write a window's colours times the inverse of their covariance.

    In doubles: nearly flat windows lose all their digits in single precision.
    """
    rr, gg, bb, rg, rb, gb = epsilon, epsilon, epsilon, 0.0, 0.0, 0.0
    for pixel in range(9):
        red, green, blue = colours[pixel, 0], colours[pixel, 1], colours[pixel, 2]
        rr, rg, rb = rr + red * red, rg + red * green, rb + red * blue
        gg, gb, bb = gg + green * green, gb + green * blue, bb + blue * blue
    rr, rg, rb, gg, gb, bb = rr / 9, rg / 9, rb / 9, gg / 9, gb / 9, bb / 9
    scale = 1.0 / (rr * gb * gb + rg * rg * bb + rb * rb * gg - rr * gg * bb - 2 * rg * rb * gb)
    c_rr, c_rg = (gb * gb - gg * bb) * scale, (rg * bb - rb * gb) * scale
    c_rb, c_gg = (rb * gg - rg * gb) * scale, (rb * rb - rr * bb) * scale
    c_gb, c_bb = (rr * gb - rg * rb) * scale, (rg * rg - rr * gg) * scale
    for pixel in range(9):
        red, green, blue = colours[pixel, 0], colours[pixel, 1], colours[pixel, 2]
        weighted[pixel, 0] = c_rr * red + c_rg * green + c_rb * blue
        weighted[pixel, 1] = c_rg * red + c_gg * green + c_gb * blue
        weighted[pixel, 2] = c_rb * red + c_gb * green + c_bb * blue


@part
def _add(colours: Doubles, weighted: Doubles, members: Spots, values: Doubles) -> None:
    """Add what the pixels of a window say of those among them that are unknown."""
    for first in range(9):
        number = members[first]
        if number < 0:
            continue
        red, green, blue = weighted[first, 0], weighted[first, 1], weighted[first, 2]
        for second in range(9):
            shared = red * colours[second, 0] + green * colours[second, 1]
            shared += blue * colours[second, 2]
            value = (1.0 if first == second else 0.0) - (1 + shared) / 9
            slot = 12 + 5 * (second // 3 - first // 3) + second % 3 - first % 3
            values[np.uintp(slot), np.uintp(number)] += value


def add_windows(rgb: Bytes, numbers: Places, epsilon: float, values: Doubles) -> None:
    """Add the windows that hold an unknown pixel to 25×n values, those of its 5×5 neighbours.

    `numbers` counts the n unknown pixels, -1 elsewhere. All is added and multiplied in the order of
    pymatting's `cf_laplacian`, so that all digits are the same.
    """
    window = np.empty((9, 3)), np.empty((9, 3)), np.empty(9, np.int64)
    _add_windows(rgb, numbers, epsilon, values, *window)


@kernel(
    *(reads(byte, 3), reads(place, 2), double, writes(double, 2)),
    *(writes(double, 2), writes(double, 2), writes(spot, 1)),
)
def _add_windows(
    rgb: Bytes,
    numbers: Places,
    epsilon: float,
    values: Doubles,
    colours: Doubles,
    weighted: Doubles,
    members: Spots,
) -> None:
    height, width = numbers.shape
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            if not _is_wanted(numbers, row, column):
                continue
            for pixel in range(9):
                members[pixel] = numbers[row + pixel // 3 - 1, column + pixel % 3 - 1]
            _centre(rgb, row, column, colours)
            _whiten(colours, epsilon, weighted)
            _add(colours, weighted, members, values)
