"""How is a subject laid over a colour or over another ground, pixel by pixel?"""

from __future__ import annotations

import numpy as np

from inference.kernels.composing import (
    UNIT,
    Bytes,
    Cells,
    Places,
    own_colour,
    place_samples,
    to_byte,
)
from inference.kernels.kernel import byte, count, integer, kernel, part, reads, real, views, writes
from inference.kernels.resampling import blend_rows


def paint_behind(
    rgb: Bytes,
    alpha: Bytes,
    own: Bytes,
    cells: Cells,
    grid: tuple[int, int, int],
    behind: Bytes,
    out: Bytes,
) -> None:
    """Write H×W×3: what `cut_out` writes, laid over an opaque colour, in one go."""
    height, width = alpha.shape
    line = np.empty((cells.shape[1] + 2, 8), np.float32)
    places = np.empty(width, np.uint32), np.empty(width, np.float32)
    picture = rgb.reshape(height, -1), alpha, own
    _paint_behind(*picture, cells, *grid, behind, line, *places, out.reshape(height, -1))


@kernel(
    *(reads(byte, 2), reads(byte, 2), views(byte, 2), reads(real, 3)),
    *[integer] * 3,
    reads(byte, 1),
    *(writes(real, 2), writes(count, 1), writes(real, 1), writes(byte, 2)),
)
def _paint_behind(
    rgb: Bytes,
    alpha: Bytes,
    own: Bytes,
    cells: Cells,
    top: int,
    left: int,
    blocks: int,
    behind: Bytes,
    line: Cells,
    before: Places,
    far: Cells,
    out: Bytes,
) -> None:
    height, width = alpha.shape
    place_samples(-left, blocks, cells.shape[1], before, far)
    for y in range(height):
        pixels, colours, shares, is_ready = out[y], rgb[y], alpha[y], False
        x = 0
        while x < width:  # runs: nearly all pixels are clear or the subject's own
            first = x
            while x < width and shares[x] == 0:
                x += 1
            for pixel in range(first, x):
                for band in range(3):
                    pixels[3 * pixel + band] = behind[band]
            first = x
            while x < width and shares[x] == 255:
                x += 1
            for value in range(3 * first, 3 * x):
                pixels[value] = colours[value]
            while x < width and 0 < shares[x] < 255:
                is_mixed = own[y, x] == 255
                if is_mixed and not is_ready:
                    blend_rows(cells, (y - top + 0.5) / blocks - 0.5, line)
                    is_ready = True
                share = np.float32(shares[x]) * UNIT
                for band in range(3):
                    colour, back = np.float32(colours[3 * x + band]), np.float32(behind[band])
                    if is_mixed:
                        colour = own_colour(colour, share, line, before[x], far[x], band)
                        colour = np.float32(to_byte(colour))
                    pixels[3 * x + band] = to_byte(back + (colour - back) * share)
                x += 1


@kernel(reads(byte, 3), views(byte, 2), reads(byte, 1), writes(byte, 3))
def lay_over_colour(colours: Bytes, alpha: Bytes, behind: Bytes, out: Bytes) -> None:
    """Lay H×W×3 (or more) colours of a straight alpha over one colour of four bytes.

    `out` is H×W×4, or H×W×3 where the colour is opaque; it may be `colours` itself.
    """
    height, width = alpha.shape
    ground, has_alpha = np.float32(behind[3]) * UNIT, out.shape[2] == 4
    for y in range(height):
        pixels, values, shares = out[y], colours[y], alpha[y]
        for x in range(width):
            opacity = shares[x]
            if has_alpha:
                pixels[x, 3] = to_byte(opacity + (np.float32(255) - opacity) * ground)
            if opacity == 0:
                for band in range(3):
                    pixels[x, band] = behind[band]
            elif opacity == 255:
                for band in range(3):
                    pixels[x, band] = values[x, band]
            else:
                share = np.float32(opacity) * UNIT
                weight = share / (share + (np.float32(1) - share) * ground)
                for band in range(3):
                    back = np.float32(behind[band])
                    front = np.float32(values[x, band])
                    pixels[x, band] = to_byte(back + (front - back) * weight)


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
def _blend(above: Cells, below: Cells, share: np.float32, line: Bytes) -> None:
    for place in range(len(above)):
        value = above[place] + share * (below[place] - above[place])
        line[place] = np.uint8(np.int32(value + np.float32(0.5)))


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
    height, width = alpha.shape
    line = np.empty((cells.shape[1] + 2, 8), np.float32)
    places = np.empty(width, np.uint32), np.empty(width, np.float32)
    wide = np.empty((2, 3 * width), np.float32)  # the rows of the ground above and below
    lines = out.reshape(height, -1)
    picture = rgb.reshape(height, -1), alpha, own
    _lay_over_ground(*picture, cells, *grid, ground, ground_blocks, line, *places, wide, lines)


@kernel(
    *(reads(byte, 2), reads(byte, 2), views(byte, 2), reads(real, 3)),
    *[integer] * 3,
    reads(real, 3),
    integer,
    *(writes(real, 2), writes(count, 1), writes(real, 1), writes(real, 2), writes(byte, 2)),
)
def _lay_over_ground(
    rgb: Bytes,
    alpha: Bytes,
    own: Bytes,
    cells: Cells,
    top: int,
    left: int,
    blocks: int,
    ground: Cells,
    ground_blocks: int,
    line: Cells,
    before: Places,
    far: Cells,
    wide: Cells,
    out: Bytes,
) -> None:
    height, width = alpha.shape
    lowest = -1
    place_samples(-left, blocks, cells.shape[1], before, far)
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
                    pixels[3 * x + band] = colours[3 * x + band]
                continue
            is_mixed = are_own[x] == 255
            if is_mixed and not is_ready:
                blend_rows(cells, (y - top + 0.5) / blocks - 0.5, line)
                is_ready = True
            share = np.float32(opacity) * UNIT
            for band in range(3):
                colour, back = np.float32(colours[3 * x + band]), np.float32(pixels[3 * x + band])
                if is_mixed:
                    colour = own_colour(colour, share, line, before[x], far[x], band)
                    colour = min(max(colour, np.float32(0)), np.float32(255))
                pixels[3 * x + band] = to_byte(back + share * (colour - back))
