"""How is the alpha found that fits the colours best: conjugate gradients on a band of pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import (
    double,
    integer,
    kernel,
    part,
    place,
    reads,
    real,
    writes,
)

Places = NDArray[np.int32]
Reals = NDArray[np.float32]
Doubles = NDArray[np.float64]

FOUND, REST, COURSE, SCALE, IMAGE = range(5)
_BAND = reads(real, 2), reads(place, 2), integer, writes(real, 1), writes(real, 2)


@kernel(*_BAND)
def multiply(values: Reals, runs: Places, stride: int, plane: Reals, state: Reals) -> None:
    """Write the matrix times the course to the image.

    `values` are 25×n, 5×5 around each pixel. `plane` is flat, `stride` pixels a row, with a frame
    of two pixels; it is 0 where nothing is unknown. `runs` are m×3 of neighbours in a row: the
    first number, the one behind the last, and where in the plane the first lies. `state` is 5×n, in
    the order of the constants above.
    """
    course, image = state[COURSE], state[IMAGE]
    for run in range(runs.shape[0]):
        first, last, begin = runs[run, 0], runs[run, 1], runs[run, 2]
        for pixel in range(last - first):
            plane[np.uintp(begin + pixel)] = course[np.uintp(first + pixel)]
    for run in range(runs.shape[0]):
        first, last, begin = np.intp(runs[run, 0]), np.intp(runs[run, 1]), np.intp(runs[run, 2])
        for pixel in range(last - first):
            total = np.float32(0)
            for down in range(5):
                above = begin + pixel + (down - 2) * stride - 2
                for right in range(5):
                    # Only without a sign is an index known to count from the beginning.
                    value = values[np.uintp(5 * down + right), np.uintp(first + pixel)]
                    total += value * plane[np.uintp(above + right)]
            image[np.uintp(first + pixel)] = total


@part
def _dot(first: Reals, second: Reals, lanes: Doubles) -> float:
    """Sum products in eight lanes, so that they are summed at once."""
    lanes[:] = 0
    stop = first.size // 8 * 8
    for pixel in range(0, stop, 8):
        for lane in range(8):
            lanes[lane] += np.float64(first[pixel + lane] * second[pixel + lane])
    for pixel in range(stop, first.size):
        lanes[0] += np.float64(first[pixel] * second[pixel])
    return float(lanes.sum())


def descend(
    values: Reals,
    runs: Places,
    stride: int,
    plane: Reals,
    state: Reals,
    energy: float,
    enough: float,
    rounds: int,
) -> float:
    """Take so many steps, or fewer once the rest is small enough; return the energy, 0 at the end.

    Jacobi's preconditioner. The first arguments are those of `multiply`.
    """
    lanes = np.empty(8)
    return _descend(values, runs, stride, plane, state, energy, enough, rounds, lanes)


@kernel(*_BAND, double, double, integer, writes(double, 1), returns=double)
def _descend(
    values: Reals,
    runs: Places,
    stride: int,
    plane: Reals,
    state: Reals,
    energy: float,
    enough: float,
    rounds: int,
    lanes: Doubles,
) -> float:
    found, rest, course, scale, image = state[0], state[1], state[2], state[3], state[4]
    for _ in range(rounds):
        multiply(values, runs, stride, plane, state)
        step = np.float32(energy / max(_dot(course, image, lanes), 1e-30))
        for pixel in range(found.size):
            found[pixel] += step * course[pixel]
            rest[pixel] -= step * image[pixel]
            image[pixel] = scale[pixel] * rest[pixel]
        if _dot(rest, rest, lanes) <= enough:
            return 0.0
        before = energy
        energy = _dot(rest, image, lanes)
        share = np.float32(energy / max(before, 1e-30))
        for pixel in range(found.size):
            course[pixel] = image[pixel] + share * course[pixel]
    return energy
