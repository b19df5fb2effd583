"""How are bytes resized as Pillow 13 resizes them, bit for bit, several times as fast?

That is a separable convolution: weights of double precision, made integers of 22 bits; the sums are
rounded to bytes after each of two passes. A pass over columns turns sixteen rows at a time, so that
the bytes of a column lie side by side: both passes then add whole lines, each by its weight.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.filters import BITS, SIX, Filter, weigh
from inference.kernels.kernel import (
    byte,
    count,
    integer,
    kernel,
    part,
    place,
    reads,
    spot,
    writes,
)

Bytes = NDArray[np.uint8]
Places = NDArray[np.int32]
Spots = NDArray[np.int64]
Words = NDArray[np.uint32]
Units = Bytes | Words

_HALF = np.int32(1 << (BITS - 1))
_LANES = 16  # rows that are turned together
_COLOUR_LANES = 3 * _LANES


def resize(pixels: Bytes, width: int, height: int, how: Filter) -> Bytes:
    """Resize H×W or H×W×3 to height×width; the same array where it has that size."""
    tall, wide = pixels.shape[:2]
    if (tall, wide) == (height, width):
        return pixels
    bands = 1 if pixels.ndim == 2 else 3
    lines = np.ascontiguousarray(pixels).reshape(tall, wide * bands)
    if tall - height > max(2 * (wide - width), 0):  # where Pillow 13 takes the rows first
        lines = _resize_rows(lines, height, how)
        lines = _resize_columns(lines, bands, width, how)
    else:
        lines = _resize_columns(lines, bands, width, how)
        lines = _resize_rows(lines, height, how)
    return lines.reshape(height, width, *pixels.shape[2:])


def _resize_rows(lines: Bytes, height: int, how: Filter) -> Bytes:
    tall, length = lines.shape
    if tall == height:
        return lines
    first, weights = weigh(tall, height, how)
    missing = weights.shape[1] - tall
    if missing > 0:
        lines = np.pad(lines, ((0, missing), (0, 0)))
    result = np.empty((height, length), np.uint8)
    sums = np.empty(length, np.int32)
    _mix_rows(lines.reshape(-1), length, first, weights, sums, result.reshape(-1))
    return result


def _resize_columns(lines: Bytes, bands: int, width: int, how: Filter) -> Bytes:
    tall, wide = lines.shape[0], lines.shape[1] // bands
    if wide == width:
        return lines
    first, weights = weigh(wide, width, how)
    quads = np.empty((4, bands * max(wide, width)), np.uint32)
    strip = np.empty(bands * max(wide, weights.shape[1]) * _LANES // 4, np.uint32)
    mixed = np.empty(bands * width * _LANES // 4, np.uint32)
    sums = np.empty(_COLOUR_LANES, np.int32)
    result = np.empty((-(-tall // _LANES) * _LANES, width * bands), np.uint8)
    _mix_columns(
        *(lines, bands, first, weights, quads, quads.view(np.uint8), strip, strip.view(np.uint8)),
        *(sums, mixed, mixed.view(np.uint8), result),
    )
    return result[:tall]


@part
def _to_byte(total: np.int32) -> np.uint8:
    rounded = np.int32(np.int32(total) >> BITS)
    return np.uint8(min(max(rounded, np.int32(0)), np.int32(255)))


@part
def _add(lines: Bytes, at: np.uintp, stride: np.uintp, k: tuple[np.int32, ...]) -> np.int32:
    """Add the bytes of six lines that lie so far apart, each by its weight."""
    total = lines[at] * k[0]
    at += stride
    total += lines[at] * k[1]
    at += stride
    total += lines[at] * k[2]
    at += stride
    total += lines[at] * k[3]
    at += stride
    total += lines[at] * k[4]
    at += stride
    return np.int32(total + lines[at] * k[5])


@part
def _mix(
    lines: Bytes, length: int, first: Spots, weights: Places, sums: Places, out: Bytes
) -> None:
    """Write for each cell a line: the sum of lines, from the cell's first on, by its weights.

    (Indices are unsigned, so that none counts from the end: that would be a test for each.)
    """
    cells, taps = weights.shape
    stride = np.uintp(length)
    for cell in range(cells):
        into = np.uintp(cell) * stride
        for tap in range(0, taps, SIX):
            six = weights[cell, tap : tap + SIX]
            k = (six[0], six[1], six[2], six[3], six[4], six[5])
            at = np.uintp(first[cell] + tap) * stride
            is_first, is_last = tap == 0, tap + SIX == taps
            if is_first and is_last:
                for x in range(length):
                    shift = np.uintp(x)
                    out[into + shift] = _to_byte(_HALF + _add(lines, at + shift, stride, k))
            elif is_first:
                for x in range(length):
                    sums[x] = _HALF + _add(lines, at + np.uintp(x), stride, k)
            elif is_last:
                for x in range(length):
                    shift = np.uintp(x)
                    out[into + shift] = _to_byte(sums[x] + _add(lines, at + shift, stride, k))
            else:
                for x in range(length):
                    sums[x] += _add(lines, at + np.uintp(x), stride, k)


@kernel(
    *(reads(byte, 1), integer, reads(spot, 1), reads(place, 2)),
    *(writes(place, 1), writes(byte, 1)),
)
def _mix_rows(
    lines: Bytes, length: int, first: Spots, weights: Places, sums: Places, result: Bytes
) -> None:
    _mix(lines, length, first, weights, sums, result)


@part
def _interleave(a: Units, b: Units, c: Units, d: Units, all_four: Units) -> None:
    for x in range(len(a)):
        all_four[4 * x], all_four[4 * x + 1] = a[x], b[x]
        all_four[4 * x + 2], all_four[4 * x + 3] = c[x], d[x]


@part
def _separate(all_four: Units, a: Units, b: Units, c: Units, d: Units) -> None:
    for x in range(len(a)):
        a[x], b[x] = all_four[4 * x], all_four[4 * x + 1]
        c[x], d[x] = all_four[4 * x + 2], all_four[4 * x + 3]


@kernel(
    *(reads(byte, 2), integer, reads(spot, 1), reads(place, 2)),
    *(writes(count, 2), writes(byte, 2), writes(count, 1), writes(byte, 1)),
    *(writes(place, 1), writes(count, 1), writes(byte, 1), writes(byte, 2)),
)
def _mix_columns(
    lines: Bytes,
    bands: int,
    first: Spots,
    weights: Places,
    quads: Words,
    quad_bytes: Bytes,
    strip: Words,
    strip_bytes: Bytes,
    sums: Places,
    mixed: Words,
    mixed_bytes: Bytes,
    result: Bytes,
) -> None:
    """Each of four quads takes four rows, byte by byte; a strip takes them, four by four."""
    last, wide, width = len(lines) - 1, lines.shape[1], result.shape[1]
    for top in range(0, len(lines), _LANES):
        for quad in range(4):
            y, into = top + 4 * quad, quad_bytes[quad]
            a, b = lines[min(y, last)], lines[min(y + 1, last)]
            c, d = lines[min(y + 2, last)], lines[min(y + 3, last)]
            _interleave(a, b, c, d, into)
        a, b, c, d = quads[0, :wide], quads[1, :wide], quads[2, :wide], quads[3, :wide]
        _interleave(a, b, c, d, strip)
        if bands == 1:
            _mix(strip_bytes, _LANES, first, weights, sums, mixed_bytes)
        else:
            _mix(strip_bytes, _COLOUR_LANES, first, weights, sums, mixed_bytes)
        a, b, c, d = quads[0, :width], quads[1, :width], quads[2, :width], quads[3, :width]
        _separate(mixed, a, b, c, d)
        for quad in range(4):
            y = top + 4 * quad
            _separate(quad_bytes[quad], result[y], result[y + 1], result[y + 2], result[y + 3])
