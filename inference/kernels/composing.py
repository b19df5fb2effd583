"""How is a subject cut out, pixel by pixel, without what lay behind its soft edges?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import byte, count, integer, kernel, part, reads, real, views, writes
from inference.kernels.resampling import blend_rows

Bytes = NDArray[np.uint8]
Cells = NDArray[np.float32]
Places = NDArray[np.uint32]

UNIT = np.float32(1 / 255)


@part
def to_byte(value: np.float32) -> np.uint8:
    """Round, and keep within 0..255."""
    return np.uint8(min(max(value + np.float32(0.5), np.float32(0)), np.float32(255)))


@part
def place_samples(first: int, blocks: int, cells: int, before: Places, far: Cells) -> None:
    """Write for each pixel the sample before it in a padded line, and its share of the next."""
    for x in range(len(before)):
        position = min(max((x + first + 0.5) / blocks + 0.5, 0.5), cells + 0.5)
        before[x] = np.uint32(position)
        far[x] = np.float32(position - before[x])


@part
def _lerp(line: Cells, before: np.uint32, slot: int, far: np.float32) -> np.float32:
    near, next_ = line[before, slot], line[before + np.uint32(1), slot]
    return np.float32(near + far * (next_ - near))


@part
def own_colour(
    colour: np.float32,
    share: np.float32,
    line: Cells,
    before: np.uint32,
    far: np.float32,
    band: int,
) -> np.float32:
    """Return the foreground of one band of a pixel, and what the means do not explain of it.

    (Forte 2021: what both mean colours fail to explain goes to the foreground.)
    """
    front, back = _lerp(line, before, band, far), _lerp(line, before, 4 + band, far)
    return front + share * (colour - back - share * (front - back))


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
    line = np.empty((cells.shape[1] + 2, 8), np.float32)
    places = np.empty(out.shape[1], np.uint32), np.empty(out.shape[1], np.float32)
    _cut_out(rgb, alpha, own, cells, *grid, first_row, first_column, line, *places, out)


@kernel(
    *(reads(byte, 3), reads(byte, 2), views(byte, 2), reads(real, 3)),
    *[integer] * 5,
    *(writes(real, 2), writes(count, 1), writes(real, 1), writes(byte, 3)),
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
    begin = min(max(0, -first_column), out.shape[1])
    end = max(begin, min(out.shape[1], width - first_column))
    span = slice(begin + first_column, end + first_column)
    before, far = before[: end - begin], far[: end - begin]
    place_samples(begin + first_column - left, blocks, cells.shape[1], before, far)
    for row in range(out.shape[0]):
        y, is_ready = row + first_row, False
        if y < 0 or y >= height:
            out[row] = 0
            continue
        out[row, :begin] = 0
        out[row, end:] = 0
        pixels, colours, shares, are_own = (
            out[row, begin:end],
            rgb[y, span],
            alpha[y, span],
            own[y, span],
        )
        for x in range(end - begin):
            opacity = shares[x]
            pixels[x, 3] = opacity
            if opacity == 0:
                pixels[x, 0], pixels[x, 1], pixels[x, 2] = 0, 0, 0
            elif opacity == 255 or are_own[x] != 255:
                for band in range(3):
                    pixels[x, band] = colours[x, band]
            else:
                if not is_ready:
                    blend_rows(cells, (y - top + 0.5) / blocks - 0.5, line)
                    is_ready = True
                share = np.float32(opacity) * UNIT
                for band in range(3):
                    colour = np.float32(colours[x, band])
                    colour = own_colour(colour, share, line, before[x], far[x], band)
                    pixels[x, band] = to_byte(colour)
