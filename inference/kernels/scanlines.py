"""How are a PNG's rows filtered: each byte less one foretold by its neighbours (ISO 15948, 9.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import byte, integer, kernel, part, reads, writes

Bytes = NDArray[np.uint8]

NONE, SUB, UP, AVERAGE = range(4)


@part
def _halve(left: np.uint8, above: np.uint8) -> np.uint8:
    return np.uint8(np.uint16(np.uint16(left) + np.uint16(above)) >> np.uint16(1))


@part
def _subtract(row: Bytes, foretold: Bytes, out: Bytes) -> None:
    for place in range(len(row)):
        out[place] = row[place] - foretold[place]


@part
def _subtract_average(row: Bytes, left: Bytes, above: Bytes, out: Bytes) -> None:
    for place in range(len(row)):
        out[place] = row[place] - _halve(left[place], above[place])


def filter_rows(rows: Bytes, above: Bytes, step: int, number: int) -> Bytes:
    """Return h×(1 + W·step): each row's filter, one of those above, and its differences.

    `rows` and the rows above them are h×W·step; a pixel has `step` bytes.
    """
    out = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    _filter_rows(rows, above, np.zeros(step, np.uint8), number, out)
    return out


@kernel(*(reads(byte, 2), reads(byte, 2), reads(byte, 1)), integer, writes(byte, 2))
def _filter_rows(rows: Bytes, above: Bytes, nothing: Bytes, number: int, out: Bytes) -> None:
    """`nothing` stands left of a row's first pixel."""
    step = len(nothing)
    for y in range(len(rows)):
        row, over, into = rows[y], above[y], out[y, 1:]
        out[y, 0] = number
        if number == UP:
            _subtract(row, over, into)
        elif number == SUB:
            _subtract(row[:step], nothing, into)
            _subtract(row[step:], row[:-step], into[step:])
        elif number == AVERAGE:
            _subtract_average(row[:step], nothing, over, into)
            _subtract_average(row[step:], row[:-step], over[step:], into[step:])
        else:
            for place in range(len(row)):
                into[place] = row[place]
