"""How does a small alpha follow the edges of its picture: alpha ≈ a·I + b in each window.

The guided filter of He, Sun and Tang (2013), fitted by ridge regression at reduced size, evaluated
at full size (He and Sun 2015).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import byte, count, kernel, part, reads, real, spot, writes
from inference.kernels.resampling import place_samples

Bytes = NDArray[np.uint8]
Reals = NDArray[np.float32]
Places = NDArray[np.uint32]
Spots = NDArray[np.int64]

UNCERTAIN = np.uint8(128)
_SUMS = 13  # planes: red, green, blue, alpha, and their products that a covariance needs


@part
def _multiply(pixels: Bytes, alpha: Reals, planes: Reals) -> None:
    for x in range(len(alpha)):
        red, green, blue = pixels[3 * x], pixels[3 * x + 1], pixels[3 * x + 2]
        planes[0, x], planes[1, x] = np.float32(red), np.float32(green)
        planes[2, x], planes[3, x] = np.float32(blue), alpha[x]
    slot = 4
    for first in range(3):
        for second in range(first, 4):
            one, other, product = planes[first], planes[second], planes[slot]
            for x in range(len(alpha)):
                product[x] = one[x] * other[x]
            slot += 1


@part
def _add_three(first: Reals, second: Reals, third: Reals, sums: Reals) -> None:
    for x in range(len(sums)):
        sums[x] = first[x] + second[x] + third[x]


@part
def _solve(totals: Reals, epsilon: np.float32, models: Reals) -> None:
    """Solve (cov(I) + epsilon) a = cov(I, alpha) of a line of 3×3 windows, given their sums.

    By elimination, which float32 bears where Cramer's rule does not. 81 times the covariances of
    bytes are whole numbers that float32 holds exactly.
    """
    nine, ninth, level = np.float32(9), np.float32(1 / 9), np.float32(255 * 255 * 81) * epsilon
    for x in range(totals.shape[1]):
        red, green, blue, alpha = totals[0, x], totals[1, x], totals[2, x], totals[3, x]
        rr, rg = nine * totals[4, x] - red * red + level, nine * totals[5, x] - red * green
        rb, rp = nine * totals[6, x] - red * blue, nine * totals[7, x] - red * alpha
        gg, gb = nine * totals[8, x] - green * green + level, nine * totals[9, x] - green * blue
        gp = nine * totals[10, x] - green * alpha
        bb, bp = nine * totals[11, x] - blue * blue + level, nine * totals[12, x] - blue * alpha
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
        models[0, x], models[1, x], models[2, x] = of_red * unit, of_green * unit, of_blue * unit
        models[3, x] = (alpha - of_red * red - of_green * green - of_blue * blue) * ninth


@part
def _average(first: Reals, second: Reals, third: Reals, mean: Reals) -> None:
    for x in range(len(mean)):
        total = first[x] + first[x + 1] + first[x + 2]
        total += second[x] + second[x + 1] + second[x + 2]
        total += third[x] + third[x + 1] + third[x + 2]
        mean[x] = total * np.float32(1 / 9)


def fit_models(rgb: Bytes, alpha: Reals, epsilon: np.float32) -> Reals:
    """Fit alpha ≈ a·I + b (I in 0..1) in every pixel; return h×4×w (a, b).

    Each model is the mean of those of the nine 3×3 windows that hold the pixel. A window whose
    colour varies less than epsilon counts as flat (a = 0). Beyond the frame lie its edge pixels.
    """
    height, width = alpha.shape
    rgb = np.pad(rgb, ((2, 2), (2, 2), (0, 0)), mode="edge").reshape(height + 4, -1)
    products = np.empty((3, _SUMS, width + 4), np.float32)  # of three rows
    sums = np.empty((_SUMS, width + 4), np.float32), np.empty((_SUMS, width + 2), np.float32)
    fitted = np.empty((3, 4, width + 2), np.float32)  # of three rows of windows
    result = np.empty((height, 4, width), np.float32)
    _fit_models(rgb, np.pad(alpha, 2, mode="edge"), epsilon, products, *sums, fitted, result)
    return result


@kernel(
    *(reads(byte, 2), reads(real, 2), real),
    *(writes(real, 3), writes(real, 2), writes(real, 2), writes(real, 3), writes(real, 3)),
)
def _fit_models(
    rgb: Bytes,
    alpha: Reals,
    epsilon: np.float32,
    products: Reals,
    sums: Reals,
    totals: Reals,
    fitted: Reals,
    result: Reals,
) -> None:
    for row in range(len(alpha)):
        _multiply(rgb[row], alpha[row], products[row % 3])
        if row < 2:
            continue
        for slot in range(_SUMS):
            column = sums[slot]
            _add_three(products[0, slot], products[1, slot], products[2, slot], column)
            _add_three(column[:-2], column[1:-1], column[2:], totals[slot])
        _solve(totals, epsilon, fitted[row % 3])
        if row < 4:
            continue
        for slot in range(4):
            above, centre, below = fitted[0, slot], fitted[1, slot], fitted[2, slot]
            _average(above, centre, below, result[row - 4, slot])


def evaluate_models(models: Reals, rgb: Bytes, labels: Bytes, alpha: Bytes) -> None:
    """Write a·I + b to the H×W alpha (He and Sun 2015): where h×w labels are 128, else the label.

    `models` is h×4×w: red, green, blue and what is added, in bytes; between them it is bilinear.
    """
    (height, width), wide = alpha.shape, labels.shape[1]
    padded = np.pad(models, ((0, 0), (0, 0), (1, 1)), mode="edge")
    places = np.empty(width, np.uint32), np.empty(width, np.float32), np.empty(wide + 1, np.int64)
    rows, held = np.empty((2, 4, width), np.float32), np.full(2, -1)
    _evaluate_models(padded, rgb.reshape(height, -1), labels, *places, rows, held, alpha)


@part
def _widen(models: Reals, before: Places, far: Reals, line: Reals) -> None:
    """Write 4×(w + 2) models to a line of 4×W."""
    for slot in range(4):
        samples, values = models[slot], line[slot]
        for x in range(len(before)):
            place = np.uintp(before[x])
            near, next_ = samples[place], samples[place + np.uintp(1)]
            values[x] = near + far[x] * (next_ - near)


@part
def _evaluate(
    above: Reals, below: Reals, share: np.float32, pixels: Bytes, span: slice, alpha: Bytes
) -> None:
    red, green, blue, base = above[0, span], above[1, span], above[2, span], above[3, span]
    to_red, to_green, to_blue = below[0, span], below[1, span], below[2, span]
    to_base = below[3, span]
    for x in range(len(alpha)):
        value = (red[x] + share * (to_red[x] - red[x])) * pixels[3 * x]
        value += base[x] + share * (to_base[x] - base[x])
        value += (green[x] + share * (to_green[x] - green[x])) * pixels[3 * x + 1]
        value += (blue[x] + share * (to_blue[x] - blue[x])) * pixels[3 * x + 2]
        alpha[x] = np.uint8(np.int32(min(max(value, np.float32(0)), np.float32(255))))


@kernel(
    *(reads(real, 3), reads(byte, 2), reads(byte, 2)),
    *(writes(count, 1), writes(real, 1), writes(spot, 1)),
    *(writes(real, 3), writes(spot, 1), writes(byte, 2)),
)
def _evaluate_models(
    models: Reals,
    rgb: Bytes,
    labels: Bytes,
    before: Places,
    far: Reals,
    starts: Spots,
    rows: Reals,
    held: Spots,
    alpha: Bytes,
) -> None:
    """`starts` takes where each label's pixels begin, `held` which models the two `rows` are."""
    height, width = alpha.shape
    tall, wide = labels.shape
    place_samples(0, wide / width, wide, before, far)
    for cell in range(wide + 1):
        starts[cell] = max(0, -((wide - 2 * cell * width) // (2 * wide)))
    for y in range(height):
        position = min(max((y + 0.5) * tall / height - 0.5, 0), tall - 1)
        upper = int(position)
        lower = min(upper + 1, tall - 1)
        above, below = rows[upper % 2], rows[lower % 2]
        share = np.float32(position - upper)
        row, cell = labels[(2 * y + 1) * tall // (2 * height)], 0
        while cell < wide:
            first, label = cell, row[cell]
            while cell < wide and row[cell] == label:
                cell += 1
            begin, end = starts[first], starts[cell]
            if label != UNCERTAIN:
                alpha[y, begin:end] = label
                continue
            for line in (upper, lower):
                if held[line % 2] != line:
                    _widen(models[line], before, far, rows[line % 2])
                    held[line % 2] = line
            span, pixels = slice(begin, end), rgb[y, 3 * begin : 3 * end]
            _evaluate(above, below, share, pixels, span, alpha[y, span])
