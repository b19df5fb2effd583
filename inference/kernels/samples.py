"""Which known colours mix to the colour of an unknown pixel?

Each unknown pixel takes one foreground and one background pixel that the trimap knows: of those
met in eight directions (Gastal and Oliveira 2010) and those of its neighbours the pair with the
lowest price. The price is that of He, Rhemann, Rother, Tang and Sun (2011): how far the best mix of
the two colours is from the pixel's own, and how far away they are as multiples of the nearest ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import byte, kernel, part, place, reads, real, spot, writes

Bytes = NDArray[np.uint8]
Places = NDArray[np.int32]
Spots = NDArray[np.int64]
Reals = NDArray[np.float32]

ALPHA, MISFIT, CONTRAST, TO_FRONT, TO_BACK, _PRICE = range(6)
_DIRECTIONS = 8
_BACKGROUND, _FOREGROUND = 0, 255
_BITS = 32  # a spot is its row, shifted by so many, and its column; -1 is none
_COLUMN = (1 << _BITS) - 1


@part
def _look(
    trimap: Bytes, numbers: Places, known: int, is_upward: bool, rows: Spots, seen: Spots
) -> None:
    """Write for each unknown pixel the places of what is met to one side and in three rows."""
    height, width = trimap.shape
    before, here = rows[0], rows[1]
    rows[:] = -1
    base = 4 if is_upward else 0
    for line in range(height):
        y = height - 1 - line if is_upward else line
        beside = -1
        for step in range(width):
            x = width - 1 - step if is_upward else step
            if trimap[y, x] == known:
                beside = y << _BITS | x
                here[x + 1, 1] = here[x + 1, 2] = here[x + 1, 3] = beside
            else:
                here[x + 1, 1], here[x + 1, 2] = before[x, 1], before[x + 1, 2]
                here[x + 1, 3] = before[x + 2, 3]
            number = numbers[y, x]
            if number >= 0:
                seen[number, base] = beside
                for direction in range(1, 4):
                    seen[number, base + direction] = here[x + 1, direction]
        before, here = here, before


@part
def _span(spot: int, y: int, x: int) -> np.float32:
    down, right = np.float32((spot >> _BITS) - y), np.float32((spot & _COLUMN) - x)
    return np.float32(np.sqrt(down * down + right * right))


@part
def _nearest(seen: Spots, y: int, x: int, anywhere: int) -> tuple[int, np.float32]:
    """Return the nearest of the spots that a pixel sees, and how far it is, at least 1."""
    best, shortest = anywhere, np.float32(np.inf)
    for direction in range(_DIRECTIONS):
        if seen[direction] >= 0:
            span = _span(seen[direction], y, x)
            if span < shortest:
                best, shortest = seen[direction], span
    return best, max(_span(best, y, x), np.float32(1))


@part
def _colour(rgb: Bytes, spot: int) -> tuple[np.float32, np.float32, np.float32]:
    y, x = np.uintp(spot >> _BITS), np.uintp(spot & _COLUMN)
    return np.float32(rgb[y, x, 0]), np.float32(rgb[y, x, 1]), np.float32(rgb[y, x, 2])


@part
def _try(rgb: Bytes, spot: int, pair: Spots, front: int, back: int, own: Reals) -> None:
    """Take a pair of samples for a pixel where it is cheaper than the pixel's own."""
    red, green, blue = _colour(rgb, back)
    to_red, to_green, to_blue = _colour(rgb, front)
    to_red, to_green, to_blue = to_red - red, to_green - green, to_blue - blue
    own_red, own_green, own_blue = _colour(rgb, spot)
    red, green, blue = own_red - red, own_green - green, own_blue - blue
    contrast = to_red * to_red + to_green * to_green + to_blue * to_blue
    alpha = (red * to_red + green * to_green + blue * to_blue) / (contrast + np.float32(1e-3))
    alpha = min(max(alpha, np.float32(0)), np.float32(1))
    red, green, blue = red - alpha * to_red, green - alpha * to_green, blue - alpha * to_blue
    misfit = np.sqrt(red * red + green * green + blue * blue)
    y, x = spot >> _BITS, spot & _COLUMN
    price = misfit + _span(front, y, x) / own[TO_FRONT] + _span(back, y, x) / own[TO_BACK]
    if price < own[_PRICE]:
        pair[0], pair[1] = front, back
        own[ALPHA], own[MISFIT] = alpha, misfit
        own[CONTRAST], own[_PRICE] = np.sqrt(contrast), price


@part
def _ask_neighbours(
    rgb: Bytes, numbers: Places, spots: Places, pairs: Spots, is_back: bool, result: Reals
) -> None:
    """Offer each pixel the pairs of the four neighbours that came before it."""
    height, width = numbers.shape
    way = -1 if is_back else 1
    for turn in range(spots.size):
        number = spots.size - 1 - turn if is_back else turn
        y, x = spots[number] // width, spots[number] % width
        for down, right in ((0, -1), (-1, -1), (-1, 0), (-1, 1)):
            row, column = y + way * down, x + way * right
            if 0 <= row < height and 0 <= column < width and numbers[row, column] >= 0:
                other = pairs[numbers[row, column]]
                _try(rgb, y << _BITS | x, pairs[number], other[0], other[1], result[number])


def find_samples(rgb: Bytes, trimap: Bytes, numbers: Places, spots: Places) -> Reals:
    """Return n×6 for the n unknown pixels of an h×w trimap of 0, 255 and others.

    The best mix's alpha, its distance from the pixel's colour and that of its two parts in levels,
    the distance to the nearest sample of each kind in pixels, and the price. `spots` are the
    unknown pixels' places y·w + x, `numbers` is h×w: their order, -1 elsewhere. Both kinds of known
    pixels must occur.
    """
    rows = np.empty((2, trimap.shape[1] + 2, 4), np.int64)
    seen = np.empty((2, spots.size, _DIRECTIONS), np.int64)
    pairs, result = np.empty((spots.size, 2), np.int64), np.empty((spots.size, 6), np.float32)
    _find_samples(rgb, trimap, numbers, spots, rows, seen, pairs, result)
    return result


@kernel(
    *(reads(byte, 3), reads(byte, 2), reads(place, 2), reads(place, 1)),
    *(writes(spot, 3), writes(spot, 3), writes(spot, 2), writes(real, 2)),
)
def _find_samples(
    rgb: Bytes,
    trimap: Bytes,
    numbers: Places,
    spots: Places,
    rows: Spots,
    seen: Spots,
    pairs: Spots,
    result: Reals,
) -> None:
    height, width = trimap.shape
    ahead, behind = seen[0], seen[1]
    for is_upward in (False, True):
        _look(trimap, numbers, _FOREGROUND, is_upward, rows, ahead)
        _look(trimap, numbers, _BACKGROUND, is_upward, rows, behind)
    any_front, any_back = 0, 0
    for y in range(height):
        for x in range(width):
            if trimap[y, x] == _FOREGROUND:
                any_front = y << _BITS | x
            elif trimap[y, x] == _BACKGROUND:
                any_back = y << _BITS | x
    for number in range(spots.size):
        y, x = spots[number] // width, spots[number] % width
        spot, pair, own = y << _BITS | x, pairs[number], result[number]
        front, own[TO_FRONT] = _nearest(ahead[number], y, x, any_front)
        back, own[TO_BACK] = _nearest(behind[number], y, x, any_back)
        own[_PRICE] = np.inf
        _try(rgb, spot, pair, front, back, own)
        for direction in range(_DIRECTIONS):
            if behind[number, direction] >= 0:
                _try(rgb, spot, pair, pair[0], behind[number, direction], own)
        for direction in range(_DIRECTIONS):
            if ahead[number, direction] >= 0:
                _try(rgb, spot, pair, ahead[number, direction], pair[1], own)
    _ask_neighbours(rgb, numbers, spots, pairs, False, result)
    _ask_neighbours(rgb, numbers, spots, pairs, True, result)
