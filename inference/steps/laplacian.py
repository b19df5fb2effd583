"""What does closed-form matting ask of the unknown pixels: Levin, Lischinski and Weiss (2008).

The Laplacian is summed over the 3×3 windows that hold an unknown pixel, and only its rows of
unknown pixels are kept: cost and memory follow the band, not the picture. Values are kept by the
distance between the two pixels of a pair: 12 distances to the right or below, and 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.steps.linear_models import grow

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Reals = NDArray[np.float64]
Indices = NDArray[np.intp]

_WINDOW = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)]


@dataclass(frozen=True, slots=True)
class MattingSystem:
    """Matrix · alpha = pull, for the unknown pixels in row order."""

    matrix: csr_array
    pull: Reals
    """What the known foreground adds on the right-hand side."""


def assemble(
    rgb: NDArray[np.uint8],
    unknown: NDArray[np.bool_],
    foreground: NDArray[np.bool_],
    *,
    epsilon: float,
) -> MattingSystem:
    """Build the system of an h×w picture; what is neither unknown nor foreground is background.

    In float64: nearly flat windows lose all their digits in float32, and the matrix its sign.
    """
    from scipy.sparse import csr_array

    pixels = np.flatnonzero(unknown)
    pairs = _sum_windows(rgb, unknown, epsilon)
    number = np.full(unknown.size, -1, np.int32)
    number[pixels] = np.arange(pixels.size, dtype=np.int32)
    distances = sorted({*pairs, *(-distance for distance in pairs)})
    values = np.empty((pixels.size, len(distances)))
    columns = np.empty((pixels.size, len(distances)), np.int32)
    pull = np.zeros(pixels.size)
    for slot, distance in enumerate(distances):
        other = np.clip(pixels + distance, 0, unknown.size - 1)
        value = _of_pairs(pairs, pixels, distance)
        pull -= value * foreground.ravel()[other]
        values[:, slot], columns[:, slot] = value, number[other]
    kept = (columns >= 0) & (values != 0)
    starts = np.zeros(pixels.size + 1, np.int32)
    np.cumsum(kept.sum(axis=1), out=starts[1:])
    matrix = csr_array((values[kept], columns[kept], starts), shape=(pixels.size, pixels.size))
    return MattingSystem(matrix, pull)


def _of_pairs(pairs: dict[int, Reals], pixels: Indices, distance: int) -> Reals:
    """Return what each pixel shares with the one `distance` further; 0 beyond the frame."""
    if distance >= 0:
        return pairs[distance][pixels]
    first = pixels + distance
    return np.where(first >= 0, pairs[-distance][np.maximum(first, 0)], 0)


def _sum_windows(
    rgb: NDArray[np.uint8], unknown: NDArray[np.bool_], epsilon: float
) -> dict[int, Reals]:
    """Sum the Laplacian of each window into one plane for each distance between two pixels."""
    width = unknown.shape[1]
    wanted = np.zeros_like(unknown)
    wanted[1:-1, 1:-1] = grow(unknown, 1)[1:-1, 1:-1]
    centres = np.flatnonzero(wanted)
    offsets = [row * width + column for row, column in _WINDOW]
    colour, weighted = _whitened(rgb, centres, offsets, epsilon)
    pairs: dict[int, Reals] = {}
    for first, first_offset in enumerate(offsets):
        place = centres + first_offset
        for second in range(first, 9):
            affinity = (colour[:, first] * weighted[:, second]).sum(axis=0)
            affinity += 1
            affinity *= -1 / 9
            if first == second:
                affinity += 1
            distance = offsets[second] - first_offset
            plane = pairs.setdefault(distance, np.zeros(unknown.size))
            plane[place] += affinity  # one centre, one place: no index comes twice
    return pairs


def _whitened(
    rgb: NDArray[np.uint8],
    centres: Indices,
    offsets: list[int],
    epsilon: float,
) -> tuple[Reals, Reals]:
    """Return each window's 3×9 colours less their mean, and those times the inverse covariance."""
    flat = rgb.reshape(-1, 3)
    colour = np.empty((3, 9, centres.size))
    for slot, offset in enumerate(offsets):
        colour[:, slot] = flat.take(centres + offset, 0).T
    colour *= 1 / 255
    colour -= colour.mean(axis=1, keepdims=True)
    red, green, blue = colour
    rr, gg, bb = ((plane * plane).mean(axis=0) + epsilon / 9 for plane in (red, green, blue))
    rg, rb, gb = ((a * b).mean(axis=0) for a, b in ((red, green), (red, blue), (green, blue)))
    c_rr, c_rg, c_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    scale = 1 / (rr * c_rr + rg * c_rg + rb * c_rb)
    weighted = np.empty_like(colour)
    weighted[0] = (c_rr * red + c_rg * green + c_rb * blue) * scale
    weighted[1] = (c_rg * red + c_gg * green + c_gb * blue) * scale
    weighted[2] = (c_rb * red + c_gb * green + c_bb * blue) * scale
    return colour, weighted
