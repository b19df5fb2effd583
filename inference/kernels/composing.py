"""How do a picture, its alpha and what lies behind become the result, pixel by pixel?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.compiling import (
    byte,
    integer,
    kernel,
    nothing,
    part,
    reads,
    real,
    several,
    writes,
)
from inference.kernels.resampling import blend_rows

Bytes = NDArray[np.uint8]
Cells = NDArray[np.float32]
Places = NDArray[np.uint32]

_UNIT = np.float32(1 / 255)


@part
def _to_byte(value: np.float32) -> np.uint8:
    return np.uint8(min(max(value + np.float32(0.5), np.float32(0)), np.float32(255)))


@part
def _place(first: int, blocks: int, cells: int, before: Places, far: Cells) -> None:
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
def _own_colour(
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


@kernel(
    nothing,
    *(reads(byte, 3), reads(byte, 2), reads(byte, 2, "A"), reads(real, 3), several(integer, 3)),
    *(integer, integer, writes(byte, 3)),
)
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
    top, left, blocks = grid
    height, width = alpha.shape
    line = np.empty((cells.shape[1] + 2, 8), np.float32)
    begin = min(max(0, -first_column), out.shape[1])
    end = max(begin, min(out.shape[1], width - first_column))
    span = slice(begin + first_column, end + first_column)
    before, far = np.empty(end - begin, np.uint32), np.empty(end - begin, np.float32)
    _place(begin + first_column - left, blocks, cells.shape[1], before, far)
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
                share = np.float32(opacity) * _UNIT
                for band in range(3):
                    colour = np.float32(colours[x, band])
                    colour = _own_colour(colour, share, line, before[x], far[x], band)
                    pixels[x, band] = _to_byte(colour)


@kernel(nothing, reads(byte, 3), reads(byte, 2, "A"), reads(byte, 1), writes(byte, 3))
def lay_over_colour(colours: Bytes, alpha: Bytes, behind: Bytes, out: Bytes) -> None:
    """Lay H×W×3 (or more) colours of a straight alpha over one colour of four bytes.

    `out` is H×W×4, or H×W×3 where the colour is opaque; it may be `colours` itself.
    """
    height, width = alpha.shape
    ground, has_alpha = np.float32(behind[3]) * _UNIT, out.shape[2] == 4
    for y in range(height):
        pixels, values, shares = out[y], colours[y], alpha[y]
        for x in range(width):
            opacity = shares[x]
            if has_alpha:
                pixels[x, 3] = _to_byte(opacity + (np.float32(255) - opacity) * ground)
            if opacity == 0:
                for band in range(3):
                    pixels[x, band] = behind[band]
            elif opacity == 255:
                for band in range(3):
                    pixels[x, band] = values[x, band]
            else:
                share = np.float32(opacity) * _UNIT
                weight = share / (share + (np.float32(1) - share) * ground)
                for band in range(3):
                    back = np.float32(behind[band])
                    front = np.float32(values[x, band])
                    pixels[x, band] = _to_byte(back + (front - back) * weight)


@part
def _widen(cells: Cells, blocks: int, line: Cells) -> None:
    """Write a row of w×4 cells, without their last, to a line of 3·W values; bilinear."""
    width, wide = len(line) // 3, len(cells)
    begin = 0
    for sample in range(wide + 1):
        end = width if sample == wide else min(width, (2 * sample + 1) * blocks // 2)
        near, far = cells[max(sample - 1, 0)], cells[min(sample, wide - 1)]
        for x in range(begin, end):
            share = np.float32((x + 0.5) / blocks + 0.5 - sample)
            for band in range(3):
                line[3 * x + band] = near[band] + share * (far[band] - near[band])
        begin = end


@part
def _blend(above: Cells, below: Cells, share: np.float32, pixels: Bytes) -> None:
    row = pixels.reshape(len(above))
    for place in range(len(above)):
        value = above[place] + share * (below[place] - above[place])
        row[place] = np.uint8(np.int32(value + np.float32(0.5)))


@kernel(
    nothing,
    *(reads(byte, 3), reads(byte, 2), reads(byte, 2, "A"), reads(real, 3), several(integer, 3)),
    *(reads(real, 3), integer, writes(byte, 3)),
)
def lay_over_ground(
    rgb: Bytes,
    alpha: Bytes,
    own: Bytes,
    cells: Cells,
    grid: tuple[int, int, int],
    ground: Cells,
    ground_blocks: int,
    out: Bytes,
) -> None:
    """Write H×W×3: what `cut_out` would, over an opaque ground, of which blocks are given.

    `ground` is h×w×4, the last of no meaning; between its blocks it is bilinear.
    """
    top, left, blocks = grid
    height, width = alpha.shape
    line = np.empty((cells.shape[1] + 2, 8), np.float32)
    wide = np.empty((2, 3 * width), np.float32)  # the rows of the ground above and below
    lowest = -1
    before, far = np.empty(width, np.uint32), np.empty(width, np.float32)
    _place(-left, blocks, cells.shape[1], before, far)
    for y in range(height):
        position = min(max((y + 0.5) / ground_blocks - 0.5, 0), len(ground) - 1)
        upper = int(position)
        lower = min(upper + 1, len(ground) - 1)
        while lowest < lower:
            lowest += 1
            _widen(ground[lowest], ground_blocks, wide[lowest % 2])
        shares, colours, pixels, are_own = alpha[y], rgb[y], out[y], own[y]
        _blend(wide[upper % 2], wide[lower % 2], np.float32(position - upper), pixels)
        is_ready = False
        for x in range(width):
            opacity = shares[x]
            if opacity == 0:
                continue
            if opacity == 255:
                for band in range(3):
                    pixels[x, band] = colours[x, band]
                continue
            is_mixed = are_own[x] == 255
            if is_mixed and not is_ready:
                blend_rows(cells, (y - top + 0.5) / blocks - 0.5, line)
                is_ready = True
            share = np.float32(opacity) * _UNIT
            for band in range(3):
                colour, back = np.float32(colours[x, band]), np.float32(pixels[x, band])
                if is_mixed:
                    colour = _own_colour(colour, share, line, before[x], far[x], band)
                    colour = min(max(colour, np.float32(0)), np.float32(255))
                pixels[x, band] = _to_byte(back + share * (colour - back))
