"""How is a subject cut out, pixel by pixel, without what lay behind its soft edges?"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import byte, count, integer, kernel, part, reads, real, views, writes
from inference.kernels.resampling import blend_rows, place_samples

Bytes = NDArray[np.uint8]
Cells = NDArray[np.float32]
Places = NDArray[np.uint32]
Value = TypeVar("Value", bound=np.generic)

UNIT = np.float32(1 / 255)
BANDS = 8  # of a cell: the foreground's three and one of no meaning, the same of the background
_STEP = 32  # pixels looked at at once


@part
def to_byte(value: np.float32) -> np.uint8:
    """Round, and keep within 0..255."""
    return np.uint8(np.int32(min(max(value + np.float32(0.5), np.float32(0)), np.float32(255))))


@part
def is_soft(opacity: np.uint8) -> bool:
    """Tell whether an alpha is neither 0 nor 255."""
    return bool(np.uint8(opacity - np.uint8(1)) < np.uint8(254))


@part
def _find_soft(shares: Bytes, x: int) -> int:
    """Return the first pixel from x on whose alpha is 1..254; how many there are if none is."""
    width = len(shares)
    while x < width and not is_soft(shares[x]):
        x += 1
        while x + _STEP <= width:
            is_any = False
            for place in range(_STEP):
                is_any |= is_soft(shares[np.uintp(x + place)])
            if is_any:
                break
            x += _STEP
    return x


@part
def _keep(colours: Bytes, shares: Bytes, pixels: Bytes) -> None:
    """Write RGBA, 0 where the alpha is."""
    for x in range(len(shares)):
        kept = np.uint8(255) if shares[x] else np.uint8(0)
        red, green, blue = colours[3 * x], colours[3 * x + 1], colours[3 * x + 2]
        pixels[4 * x], pixels[4 * x + 1], pixels[4 * x + 2] = red & kept, green & kept, blue & kept
        pixels[4 * x + 3] = shares[x]


@part
def _lerp(line: Cells, sample: np.uintp, slot: int, far: np.float32) -> np.float32:
    near, next_ = line[sample + np.uintp(slot)], line[sample + np.uintp(BANDS + slot)]
    return np.float32(near + far * (next_ - near))


@part
def _own(
    colour: np.uint8, share: np.float32, line: Cells, sample: np.uintp, far: np.float32, band: int
) -> np.uint8:
    """Return the foreground of one band of a pixel, and what the means do not explain of it.

    (Forte 2021: what both mean colours fail to explain goes to the foreground.)
    """
    front, back = _lerp(line, sample, band, far), _lerp(line, sample, 4 + band, far)
    return to_byte(front + share * (np.float32(colour) - back - share * (front - back)))


@part
def _unmix(
    shares: Bytes, own: Bytes, line: Cells, before: Places, far: Cells, pixels: Bytes
) -> None:
    """Bring soft pixels of RGBA to the foreground.

    The alpha goes through the same as the colours, for nothing: four bands alike are done at once.
    """
    for x in range(len(shares)):
        if own[x] != 255:
            continue
        sample = np.uintp(BANDS) * before[x]
        share, place = np.float32(shares[x]) * UNIT, 4 * x
        red = _own(pixels[place], share, line, sample, far[x], 0)
        green = _own(pixels[place + 1], share, line, sample, far[x], 1)
        blue = _own(pixels[place + 2], share, line, sample, far[x], 2)
        unused = _own(pixels[place + 3], share, line, sample, far[x], 3)
        pixels[place], pixels[place + 1], pixels[place + 2] = red, green, blue
        pixels[place + 3] = unused
        pixels[place + 3] = shares[x]


@part
def cut_row(
    colours: Bytes,
    shares: Bytes,
    own: Bytes,
    cells: Cells,
    position: float,
    line: Cells,
    before: Places,
    far: Cells,
    pixels: Bytes,
) -> None:
    """Write a row of RGBA: 0 where alpha is 0, the picture where it is 255, the foreground between.

    `position` is the row's in the cells; `before` and `far` come from `place_samples`.
    """
    _keep(colours, shares, pixels)
    width = len(shares)
    begin = _find_soft(shares, 0)
    if begin < width:
        blend_rows(cells, BANDS, position, line)
    while begin < width:
        end = begin + 1
        while end < width and is_soft(shares[end]):
            end += 1
        _unmix(
            shares[begin:end],
            own[begin:end],
            line,
            before[begin:end],
            far[begin:end],
            pixels[4 * begin : 4 * end],
        )
        begin = _find_soft(shares, end)


def cut_out(
    rgb: Bytes,
    alpha: Bytes,
    own: Bytes,
    cells: Cells,
    grid: tuple[int, int, int],
    first_row: int,
    first_column: int,
    out: Bytes,
) -> None:
    """Write h×w×4: 0 where alpha is 0, the picture where it is 255, the foreground between.

    `out` begins at a place of the picture that may lie outside it, where all is 0. `cells` are
    h×w×8 foreground and background colours; `grid` tells their top, left and pixels a side. Where
    the picture's own alpha is not 255, its colours hold no background and stay as they are.
    """
    width = out.shape[1]
    parts = flat(rgb), alpha, own, flat(cells), *grid
    _cut_out(*parts, first_row, first_column, *scratch(cells, width), flat(out))


def flat(pixels: NDArray[Value]) -> NDArray[Value]:
    """View H×W×c as H×W·c."""
    return pixels.reshape(len(pixels), -1)


def scratch(cells: Cells, width: int) -> tuple[Cells, Places, Cells]:
    """Make room for a line of samples, and for where a row's pixels lie in it."""
    line = np.empty((cells.shape[1] + 2) * BANDS, np.float32)
    return line, np.empty(width, np.uint32), np.empty(width, np.float32)


@kernel(
    *(reads(byte, 2), reads(byte, 2), views(byte, 2), reads(real, 2)),
    *[integer] * 5,
    *(writes(real, 1), writes(count, 1), writes(real, 1), writes(byte, 2)),
)
def _cut_out(
    rgb: Bytes,
    alpha: Bytes,
    own: Bytes,
    cells: Cells,
    top: int,
    left: int,
    blocks: int,
    first_row: int,
    first_column: int,
    line: Cells,
    before: Places,
    far: Cells,
    out: Bytes,
) -> None:
    height, width = alpha.shape
    wide = out.shape[1] // 4
    begin = min(max(0, -first_column), wide)
    end = max(begin, min(wide, width - first_column))
    first, last = begin + first_column, end + first_column
    before, far = before[: end - begin], far[: end - begin]
    place_samples(first - left, 1 / blocks, cells.shape[1] // BANDS, before, far)
    for row in range(out.shape[0]):
        y, pixels = row + first_row, out[row]
        if y < 0 or y >= height:
            pixels[:] = 0
            continue
        pixels[: 4 * begin] = 0
        pixels[4 * end :] = 0
        cut_row(
            rgb[y, 3 * first : 3 * last],
            alpha[y, first:last],
            own[y, first:last],
            cells,
            (y - top + 0.5) / blocks - 0.5,
            line,
            before,
            far,
            pixels[4 * begin : 4 * end],
        )
