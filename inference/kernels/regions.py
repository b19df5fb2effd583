"""Which pixels of a mask hang together, and how much lies in each part?

Runs of a row are joined with those that touch them in the row above (8 neighbours) by union-find:
memory and time follow the outlines, not the pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import (
    byte,
    integer,
    kernel,
    part,
    reads,
    spot,
    word,
    writes,
)

Bytes = NDArray[np.uint8]
Whole = NDArray[np.int64]

_STEP = 32  # pixels looked at at once


@part
def _root(parents: Whole, run: int) -> int:
    while parents[run] != run:
        parents[run] = parents[parents[run]]
        run = parents[run]
    return run


@part
def _is_within(value: np.uint8, low: np.uint8, span: np.uint8) -> bool:
    return bool(np.uint8(value - low) <= span)


@part
def _run(line: Bytes, x: int, low: np.uint8, span: np.uint8, is_within: bool) -> int:
    """Return where, from x on, pixels are no longer within low … low + span, or no longer not."""
    width = len(line)
    while x < width and _is_within(line[x], low, span) == is_within:
        x += 1
        while x + _STEP <= width:
            is_over = False
            for place in range(_STEP):
                is_over |= _is_within(line[np.uintp(x + place)], low, span) != is_within
            if is_over:
                break
            x += _STEP
    return x


@kernel(reads(byte, 2), integer, integer, writes(spot, 2), writes(spot, 1))
def _find_runs(mask: Bytes, low: int, high: int, runs: Whole, progress: Whole) -> None:
    """Write row, first column, and the column after the last, for as many rows as there is room.

    `progress` is the row to begin with and how many runs there are before it.
    """
    height, width = mask.shape
    y, count = progress[0], progress[1]
    lowest, span = np.uint8(low), np.uint8(high - low)
    while y < height and count + (width + 1) // 2 <= len(runs):
        x = 0
        while x < width:
            first = _run(mask[y], x, lowest, span, False)
            x = _run(mask[y], first, lowest, span, True)
            if x > first:
                runs[count, 0], runs[count, 1], runs[count, 2] = y, first, x
                count += 1
        y += 1
    progress[0], progress[1] = y, count


@part
def _join_runs(runs: Whole, parents: Whole) -> None:
    """Write each run's parent: the first run of all that hang together is its own."""
    above = 0
    for run in range(len(runs)):
        parents[run] = run
    for run in range(len(runs)):
        while runs[above, 0] < runs[run, 0] - 1 or (
            runs[above, 0] == runs[run, 0] - 1 and runs[above, 2] < runs[run, 1]
        ):
            above += 1
        other = above
        while runs[other, 0] == runs[run, 0] - 1 and runs[other, 1] <= runs[run, 2]:
            first, second = _root(parents, run), _root(parents, other)
            parents[max(first, second)] = min(first, second)
            other += 1


def find_parts(mask: Bytes, low: int, high: int) -> tuple[Whole, Whole, Whole]:
    """Find the connected parts whose pixels lie from low to high.

    Returns n×4 runs (row, first column, column after the last, number of its part), and of each
    part how many pixels it has and the highest value in it.
    """
    height, width = mask.shape
    runs, progress = np.empty((height + width, 4), np.int64), np.zeros(2, np.int64)
    while True:
        _find_runs(mask, low, high, runs, progress)
        if progress[0] == height:
            break
        runs = np.concatenate((runs, np.empty_like(runs)))
    runs = runs[: progress[1]]
    parents = np.empty(len(runs), np.int64)
    sizes, peaks = np.zeros(len(runs), np.int64), np.zeros(len(runs), np.int64)
    count = _measure_parts(mask, runs, parents, sizes, peaks)
    return runs.copy(), sizes[:count].copy(), peaks[:count].copy()


@kernel(reads(byte, 2), *[writes(spot, 2)], *[writes(spot, 1)] * 3, returns=integer)
def _measure_parts(mask: Bytes, runs: Whole, parents: Whole, sizes: Whole, peaks: Whole) -> int:
    """Number the parts, in the runs' last column, and measure them; return how many there are."""
    _join_runs(runs, parents)
    count = 0
    for run in range(len(runs)):
        y, first, last = runs[run, 0], runs[run, 1], runs[run, 2]
        root = _root(parents, run)
        if root == run:
            runs[run, 3] = count
            count += 1
        number = runs[root, 3]
        runs[run, 3] = number
        sizes[number] += last - first
        seen, peak = mask[y, first:last], np.uint8(0)
        for x in range(len(seen)):
            peak = max(peak, seen[x])
        peaks[number] = max(peaks[number], peak)
    return count


@kernel(writes(byte, 2), reads(spot, 2), reads(byte, 1), *[integer] * 4)
def fill_parts(
    mask: Bytes, runs: Whole, chosen: Bytes, value: int, reach: int, low: int, high: int
) -> None:
    """Set chosen parts to a value, and so far around them what lies from low to high."""
    height, width = mask.shape
    for run in range(len(runs)):
        if not chosen[runs[run, 3]]:
            continue
        y, first, last = runs[run, 0], runs[run, 1], runs[run, 2]
        mask[y, first:last] = value
        for row in range(max(0, y - reach), min(height, y + reach + 1)):
            for x in range(max(0, first - reach), min(width, last + reach)):
                if low <= mask[row, x] <= high:
                    mask[row, x] = value


def smooth(mask: Bytes) -> Bytes:
    """Blur with the 3×3 binomial; beyond the frame lie its edge pixels."""
    result = np.empty_like(mask)
    _smooth(mask, np.empty(mask.shape[1] + 2, np.uint16), result)
    return result


@kernel(reads(byte, 2), writes(word, 1), writes(byte, 2))
def _smooth(mask: Bytes, line: NDArray[np.uint16], result: Bytes) -> None:
    height, width = mask.shape
    for y in range(height):
        above, here, below = mask[max(y - 1, 0)], mask[y], mask[min(y + 1, height - 1)]
        for x in range(width):
            line[x + 1] = np.uint16(above[x]) + np.uint16(2) * here[x] + below[x]
        line[0], line[width + 1] = line[1], line[width]
        for x in range(width):
            total = line[x] + np.uint16(2) * line[x + 1] + line[x + 2]
            result[y, x] = np.uint8((total + np.uint16(8)) >> np.uint16(4))
