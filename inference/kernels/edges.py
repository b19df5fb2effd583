"""How does a small alpha follow the edges of its picture: alpha ≈ a·I + b in each window.

The guided filter of He, Sun and Tang (2013), fitted by ridge regression at reduced size, evaluated
at full size (He and Sun 2015).
"""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import byte, kernel, part, reads, real, spot, writes
from inference.kernels.resampling import blend_rows

Bytes = NDArray[np.uint8]
Reals = NDArray[np.float32]
Spots = NDArray[np.int64]

UNCERTAIN = np.uint8(128)
_SLOTS = 16  # 13 sums in use: a whole number of registers


@part
def _multiply(pixel: Bytes, alpha: np.float32, slots: Reals) -> None:
    """Write a pixel's red, green, blue and alpha, and the products that a covariance needs."""
    red, green, blue = np.float32(pixel[0]), np.float32(pixel[1]), np.float32(pixel[2])
    slots[0], slots[1], slots[2], slots[3] = red, green, blue, alpha
    slots[4], slots[5], slots[6], slots[7] = red * red, red * green, red * blue, red * alpha
    slots[8], slots[9], slots[10] = green * green, green * blue, green * alpha
    slots[11], slots[12] = blue * blue, blue * alpha


@part
def _is_wanted(where: Bytes, row: int, column: int) -> bool:
    """Tell whether the 3×3 window around a place holds a pixel that asks for a model."""
    height, width = where.shape
    for y in range(max(row - 1, 0), min(row + 2, height)):
        for x in range(max(column - 1, 0), min(column + 2, width)):
            if where[y, x]:
                return True
    return False


@part
def _solve(total: Reals, epsilon: np.float32, model: Reals) -> None:
    """Solve (cov(I) + epsilon) a = cov(I, alpha) of a 3×3 window, given its sums.

    By elimination, which float32 bears where Cramer's rule does not. 81 times the covariances of
    bytes are whole numbers that float32 holds exactly.
    """
    nine, ninth, level = np.float32(9), np.float32(1 / 9), np.float32(255 * 255 * 81) * epsilon
    red, green, blue, alpha = total[0], total[1], total[2], total[3]
    rr, rg = nine * total[4] - red * red + level, nine * total[5] - red * green
    rb, rp = nine * total[6] - red * blue, nine * total[7] - red * alpha
    gg, gb = nine * total[8] - green * green + level, nine * total[9] - green * blue
    gp = nine * total[10] - green * alpha
    bb, bp = nine * total[11] - blue * blue + level, nine * total[12] - blue * alpha
    first = np.float32(1) / rr
    g_of_r, b_of_r = rg * first, rb * first
    gg -= g_of_r * rg
    gb -= g_of_r * rb
    gp -= g_of_r * rp
    second = np.float32(1) / gg
    b_of_g = gb * second
    bb -= b_of_r * rb + b_of_g * gb
    of_blue = (bp - b_of_r * rp - b_of_g * gp) / bb
    of_green = gp * second - b_of_g * of_blue
    of_red = rp * first - g_of_r * of_green - b_of_r * of_blue
    unit = np.float32(255)
    model[0], model[1], model[2] = of_red * unit, of_green * unit, of_blue * unit
    model[3] = (alpha - of_red * red - of_green * green - of_blue * blue) * ninth


@part
def _average_windows(models: Reals, mean: Reals) -> None:
    for slot in range(4):
        total = np.float32(0)
        for row in range(3):
            total += models[row, 0, slot] + models[row, 1, slot] + models[row, 2, slot]
        mean[slot] = total * np.float32(1 / 9)


def fit_models(rgb: Bytes, alpha: Reals, where: Bytes, epsilon: np.float32) -> Reals:
    """Fit alpha ≈ a·I + b (I in 0..1) where it is said, not 0; return h×w×4 (a, b).

    Each model is the mean of those of the nine 3×3 windows that hold the pixel; elsewhere it is the
    alpha itself. A window whose colour varies less than epsilon counts as flat (a = 0). Beyond the
    frame lie its edge pixels.
    """
    height, width = alpha.shape
    products = np.zeros((3, width + 4, _SLOTS), np.float32)  # of three rows, two pixels beyond
    sums, total = np.zeros((width + 4, _SLOTS), np.float32), np.empty(_SLOTS, np.float32)
    fitted = np.zeros((3, width + 2, 4), np.float32)  # of three rows of windows, one beyond
    result = np.zeros((height, width, 4), np.float32)
    _fit_models(rgb, alpha, where, epsilon, products, sums, total, fitted, result)
    return result


@kernel(
    *(reads(byte, 3), reads(real, 2), reads(byte, 2), real),
    *(writes(real, 3), writes(real, 2), writes(real, 1), writes(real, 3), writes(real, 3)),
)
def _fit_models(
    rgb: Bytes,
    alpha: Reals,
    where: Bytes,
    epsilon: np.float32,
    products: Reals,
    sums: Reals,
    total: Reals,
    fitted: Reals,
    result: Reals,
) -> None:
    height, width = alpha.shape
    for row in range(-2, height + 2):
        line = min(max(row, 0), height - 1)
        for x in range(width + 4):
            place = min(max(x - 2, 0), width - 1)
            _multiply(rgb[line, place], alpha[line, place], products[row % 3, x])
        centre = row - 1  # of the windows whose last row this is
        if centre < -1:
            continue
        for x in range(width + 4):
            for slot in range(_SLOTS):
                sums[x, slot] = products[0, x, slot] + products[1, x, slot] + products[2, x, slot]
        for x in range(width + 2):
            if _is_wanted(where, centre, x - 1):
                for slot in range(_SLOTS):
                    total[slot] = sums[x, slot] + sums[x + 1, slot] + sums[x + 2, slot]
                _solve(total, epsilon, fitted[centre % 3, x])
        if centre < 1:
            continue
        for x in range(width):
            if where[centre - 1, x]:
                _average_windows(fitted[:, x : x + 3], result[centre - 1, x])
            else:
                result[centre - 1, x, 3] = alpha[centre - 1, x]


def evaluate_models(models: Reals, rgb: Bytes, labels: Bytes, alpha: Bytes) -> None:
    """Write a·I + b to the H×W alpha (He and Sun 2015): where h×w labels are 128, else the label.

    `models` is h×w×4: red, green, blue and what is added, in bytes; between them it is bilinear.
    """
    wide = labels.shape[1]
    line, starts = np.empty((wide + 2, 4), np.float32), np.empty(wide + 1, np.int64)
    _evaluate_models(models, rgb, labels, line, starts, np.empty(wide, np.int64), alpha)


@kernel(
    *(reads(real, 3), reads(byte, 3), reads(byte, 2)),
    *(writes(real, 2), writes(spot, 1), writes(spot, 1), writes(byte, 2)),
)
def _evaluate_models(
    models: Reals,
    rgb: Bytes,
    labels: Bytes,
    line: Reals,
    starts: Spots,
    middles: Spots,
    alpha: Bytes,
) -> None:
    """`starts` and `middles` take where each label's pixels begin, and where those of its right."""
    height, width = alpha.shape
    tall, wide = labels.shape
    down, across = tall / height, np.float32(wide / width)
    for cell in range(wide + 1):
        starts[cell] = max(0, -((wide - 2 * cell * width) // (2 * wide)))
    for cell in range(wide):
        middle = ceil((cell + 0.5) * width / wide - 0.5)
        middles[cell] = min(max(middle, starts[cell]), starts[cell + 1])
    for y in range(height):
        row = labels[(2 * y + 1) * tall // (2 * height)]
        blend_rows(models, (y + 0.5) * down - 0.5, line)
        for cell in range(wide):
            first, last = starts[cell], starts[cell + 1]
            if row[cell] != UNCERTAIN:
                alpha[y, first:last] = row[cell]
                continue
            for half in range(2):
                begin = first if half == 0 else middles[cell]
                end = middles[cell] if half == 0 else last
                near, next_ = line[cell + half], line[cell + half + 1]
                red, green, blue, base = near[0], near[1], near[2], near[3]
                to_red, to_green = next_[0] - red, next_[1] - green
                to_blue, to_base = next_[2] - blue, next_[3] - base
                far = np.float32((begin + 0.5) * across + 0.5 - (cell + half))
                for x in range(begin, end):
                    value = (red + far * to_red) * rgb[y, x, 0] + (base + far * to_base)
                    value += (green + far * to_green) * rgb[y, x, 1]
                    value += (blue + far * to_blue) * rgb[y, x, 2]
                    alpha[y, x] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))
                    far += across
