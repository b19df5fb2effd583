"""By which weights does Pillow resample: those of its filters, bit for bit?

They are of double precision, summed to 1, and then made integers.
"""

from __future__ import annotations

from functools import lru_cache
from math import pi, sin
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import (
    double,
    exact_kernel,
    exact_part,
    integer,
    place,
    reads,
    spot,
    writes,
)

Places = NDArray[np.int32]
Spots = NDArray[np.int64]
Doubles = NDArray[np.float64]
Filter = Literal["box", "bilinear", "bicubic", "lanczos"]

BITS = 22
"""A weight of 1 is 1 << BITS."""

SIX = 6
"""So many weights are used together: as many as there are where Lanczos' filter enlarges."""

_BOX, _BILINEAR, _BICUBIC, _LANCZOS = range(4)
_FILTERS: dict[Filter, tuple[int, float]] = {  # with how far they reach
    "box": (_BOX, 0.5),
    "bilinear": (_BILINEAR, 1.0),
    "bicubic": (_BICUBIC, 2.0),
    "lanczos": (_LANCZOS, 3.0),
}


@lru_cache(maxsize=32)
def weigh(size: int, cells: int, how: Filter) -> tuple[Spots, Places]:
    """Return each cell's first pixel, and cells×n weights of the pixels from there on.

    n is a multiple of `SIX`; no weight lies beyond the last pixel unless there are less pixels
    than n.
    """
    kind, reach = _FILTERS[how]
    scale = size / cells
    stretch = max(scale, 1.0)
    centres = (np.arange(cells, dtype=np.float64) + 0.5) * scale
    begins = np.maximum((centres - reach * stretch + 0.5).astype(np.int64), 0)
    ends = np.minimum((centres + reach * stretch + 0.5).astype(np.int64), size)
    taps = -(-int((ends - begins).max()) // SIX) * SIX
    first = np.minimum(begins, max(size - taps, 0))
    weights = np.zeros((cells, taps), np.int32)
    _fill_weights(kind, 1.0 / stretch, centres, first, begins, ends, np.empty(taps), weights)
    first.flags.writeable = weights.flags.writeable = False
    return first, weights


@exact_part
def _sinc(x: float) -> float:
    if x == 0.0:
        return 1.0
    x *= pi
    return sin(x) / x


@exact_part
def _filter(kind: int, x: float) -> float:
    if kind == _BOX:
        return 1.0 if -0.5 < x <= 0.5 else 0.0
    if kind == _LANCZOS:
        return _sinc(x) * _sinc(x / 3) if -3.0 <= x < 3.0 else 0.0
    x = abs(x)
    if kind == _BILINEAR:
        return 1.0 - x if x < 1.0 else 0.0
    if x < 1.0:
        return (1.5 * x - 2.5) * x * x + 1.0
    if x < 2.0:
        return (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5
    return 0.0


@exact_kernel(
    *(integer, double, reads(double, 1), reads(spot, 1), reads(spot, 1), reads(spot, 1)),
    *(writes(double, 1), writes(place, 2)),
)
def _fill_weights(
    kind: int,
    unit: float,
    centres: Doubles,
    first: Spots,
    begins: Spots,
    ends: Spots,
    line: Doubles,
    weights: Places,
) -> None:
    for cell in range(len(centres)):
        begin, taps, total = begins[cell], ends[cell] - begins[cell], 0.0
        for tap in range(taps):
            line[tap] = _filter(kind, (tap + begin - centres[cell] + 0.5) * unit)
            total += line[tap]
        for tap in range(taps):
            share = (line[tap] / total if total != 0.0 else line[tap]) * (1 << BITS)
            nearest = np.int32(share - 0.5 if share < 0.0 else share + 0.5)
            weights[cell, tap + begin - first[cell]] = nearest
