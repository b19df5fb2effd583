"""How is a subject laid over a colour or over another ground, pixel by pixel?"""

from __future__ import annotations

import numpy as np

from inference.kernels.composing import (
    BANDS,
    UNIT,
    Bytes,
    Cells,
    Places,
    cut_row,
    flat,
    scratch,
    to_byte,
)
from inference.kernels.kernel import byte, count, integer, kernel, part, reads, real, views, writes
from inference.kernels.resampling import place_samples


@kernel(reads(byte, 3), views(byte, 2), reads(byte, 1), writes(byte, 3))
def lay_over_colour(colours: Bytes, alpha: Bytes, behind: Bytes, out: Bytes) -> None:
    """Lay H×W×4 of a straight alpha over one colour of four bytes; `out` may be `colours`."""
    height, width = alpha.shape
    ground = np.float32(behind[3]) * UNIT
    for y in range(height):
        pixels, values, shares = out[y], colours[y], alpha[y]
        for x in range(width):
            opacity = shares[x]
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


@part
def _mix(front: np.uint8, back: np.uint8, share: np.uint16) -> np.uint8:
    """Mix by a share of 255: (x + (x >> 8)) >> 8 of x = v + 128 is v / 255, rounded."""
    rest = np.uint16(np.uint16(255) - share)
    total = np.uint16(np.uint16(front) * share + np.uint16(back) * rest + np.uint16(128))
    return np.uint8(np.uint16(total + np.uint16(total >> np.uint16(8))) >> np.uint16(8))


@part
def _lay(subject: Bytes, pixels: Bytes) -> None:
    """Lay a row of RGBA over a row of RGB; all are read first, so that they are written at once."""
    for x in range(len(pixels) // 3):
        share = np.uint16(subject[4 * x + 3])
        red = _mix(subject[4 * x], pixels[3 * x], share)
        green = _mix(subject[4 * x + 1], pixels[3 * x + 1], share)
        blue = _mix(subject[4 * x + 2], pixels[3 * x + 2], share)
        pixels[3 * x], pixels[3 * x + 1], pixels[3 * x + 2] = red, green, blue


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
    width = alpha.shape[1]
    wide = np.empty((2, 3 * width), np.float32)  # the rows of the ground above and below
    subject = np.empty(4 * width, np.uint8)
    parts = flat(rgb), alpha, own, flat(cells), *grid, ground, ground_blocks
    _lay_over_ground(*parts, *scratch(cells, width), wide, subject, flat(out))


@kernel(
    *(reads(byte, 2), reads(byte, 2), views(byte, 2), reads(real, 2)),
    *[integer] * 3,
    reads(real, 3),
    integer,
    *(writes(real, 1), writes(count, 1), writes(real, 1)),
    *(writes(real, 2), writes(byte, 1), writes(byte, 2)),
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
    subject: Bytes,
    out: Bytes,
) -> None:
    lowest = -1
    place_samples(-left, 1 / blocks, cells.shape[1] // BANDS, before, far)
    for y in range(len(alpha)):
        position = min(max((y + 0.5) / ground_blocks - 0.5, 0), len(ground) - 1)
        upper = int(position)
        lower = min(upper + 1, len(ground) - 1)
        while lowest < lower:
            lowest += 1
            _widen(ground[lowest], ground_blocks, wide[lowest % 2])
        _blend(wide[upper % 2], wide[lower % 2], np.float32(position - upper), out[y])
        row = (y - top + 0.5) / blocks - 0.5
        cut_row(rgb[y], alpha[y], own[y], cells, row, line, before, far, subject)
        _lay(subject, out[y])
