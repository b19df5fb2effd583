"""Which colours has the subject itself on its soft edges, where the old background shines through.

Every pixel mixes a foreground and a background colour by its alpha (Germer, Uelwer, Conrad and
Harmeling 2020). Both are smooth along an edge: over a pyramid of blocks, from the whole picture to
a working size, they are the least squares of the block's pixels, drawn to the larger block's. At
full size, on the soft pixels, what both fail to explain of the pixel's own colour goes to the
foreground (Forte 2021).
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from inference.steps.resize import shrink
from inference.steps.sampling import Bytes, Enlarger, Flags, Planes, as_pixels, replace, tiles

_WORKING_PIXELS = 64_000
_PULL = np.float32(0.1)  # of the larger block's colours, where 1 is that of a pixel's own
_MARGIN_SHARE = 0.05


def estimate_foreground(rgb: Bytes, alpha: Bytes) -> Bytes:
    """Return H×W×3 uint8: the subject's own colours where alpha is 1..254, else `rgb` as it is."""
    where = is_soft(alpha)
    if not where.any():
        return rgb
    result = np.empty((*alpha.shape, 4), np.uint8)
    bands = range(3)
    for band in bands:
        result[..., band] = rgb[..., band]
    write_foreground(rgb, alpha, where, result)
    colours = np.empty_like(rgb)
    for band in bands:
        colours[..., band] = result[..., band]
    return colours


def is_soft(alpha: Bytes) -> Flags:
    """Tell where alpha is 1..254."""
    return (alpha - np.uint8(1)) < np.uint8(254)


def write_foreground(rgb: Bytes, alpha: Bytes, where: Flags, result: Bytes) -> None:
    """Write the subject's own colours and the alpha to the pixels `where` of H×W×4 `result`."""
    window = _window(where)
    if window is None:
        return
    rgb, alpha, where, result = rgb[window], alpha[window], where[window], result[window]
    blocks = max(1, round(sqrt(alpha.size / _WORKING_PIXELS)))
    height, width = alpha.shape
    enlarger = Enlarger(_mean_colours(rgb, alpha, blocks), height, width, blocks)
    for tile in tiles(where):
        share = alpha[tile] * np.float32(1 / 255)
        colours = _explain(rgb[tile].astype(np.float32), share, enlarger.read(tile))
        pixels = np.empty((*share.shape, 4), np.uint8)
        for band in range(3):
            pixels[..., band] = colours[band]
        pixels[..., 3] = alpha[tile]
        replace(as_pixels(result[tile]), as_pixels(pixels), where[tile])


def _window(soft: Flags) -> tuple[slice, slice] | None:
    rows = np.flatnonzero(soft.any(axis=1))
    if rows.size == 0:
        return None
    return _span(rows, soft.shape[0]), _span(np.flatnonzero(soft.any(axis=0)), soft.shape[1])


def _span(places: NDArray[np.intp], length: int) -> slice:
    """Reach from the first to the last place and a little beyond, to see pure colours too."""
    margin = 8 + int(length * _MARGIN_SHARE)
    return slice(max(0, int(places[0]) - margin), min(length, int(places[-1]) + 1 + margin))


def _mean_colours(rgb: Bytes, alpha: Bytes, blocks: int) -> Planes:
    """Return 6×h×w in 0..255: foreground and background colour of each block of pixels."""
    levels = [_moments(shrink(rgb, blocks, blocks), shrink(alpha, blocks, blocks))]
    while max(levels[-1].shape[1:]) > 1:
        levels.append(_halve(levels[-1]))
    whole = levels[-1]
    both = np.concatenate([whole[0:3] + whole[3:6]] * 2)  # the picture's mean colour
    for level in reversed(levels):
        both = _solve(level, _double(both, *level.shape[1:]))
    return both


def _moments(rgb: Bytes, alpha: Bytes) -> Planes:
    """Return 9 planes: colours times foreground share, times background share, shares' products."""
    planes = np.empty((9, *alpha.shape), np.float32)
    share = alpha * np.float32(1 / 255)
    rest = 1 - share
    for band in range(3):
        np.multiply(rgb[..., band], share, out=planes[band])
        np.multiply(rgb[..., band], rest, out=planes[3 + band])
    np.multiply(share, share, out=planes[6])
    np.multiply(share, rest, out=planes[7])
    np.multiply(rest, rest, out=planes[8])
    return planes


def _solve(moments: Planes, farther: Planes) -> Planes:
    """Solve each block's 2×2 system of foreground and background, in every channel."""
    farther *= _PULL
    farther += moments[:6]
    front, back = farther[:3], farther[3:]
    own, mixed, rest = moments[6] + _PULL, moments[7], moments[8] + _PULL
    scale = 1 / (own * rest - mixed * mixed)
    own *= scale
    rest *= scale
    mixed = mixed * scale
    both = np.empty_like(farther)
    np.multiply(front, rest, out=both[:3])
    np.multiply(back, own, out=both[3:])
    front *= mixed
    back *= mixed
    both[:3] -= back
    both[3:] -= front
    return np.clip(both, 0, 255, out=both)


def _halve(planes: Planes) -> Planes:
    """Average blocks of 2×2; an odd last row or column counts twice."""
    rows = _average_pairs(planes)
    return _average_pairs(rows.swapaxes(1, 2)).swapaxes(1, 2)


def _average_pairs(planes: Planes) -> Planes:
    if planes.shape[1] % 2:
        planes = np.concatenate([planes, planes[:, -1:]], axis=1)
    total = planes[:, 0::2] + planes[:, 1::2]
    total *= np.float32(0.5)
    return total


def _double(planes: Planes, height: int, width: int) -> Planes:
    """Enlarge to twice the size or one less, bilinear."""
    tall = _double_rows(planes, height)
    return np.ascontiguousarray(_double_rows(tall.swapaxes(1, 2), width).swapaxes(1, 2))


def _double_rows(planes: Planes, height: int) -> Planes:
    near, far = planes * np.float32(0.75), planes * np.float32(0.25)
    result = np.empty((planes.shape[0], 2 * planes.shape[1], planes.shape[2]), np.float32)
    upper, lower = result[:, 0::2], result[:, 1::2]
    np.add(near[:, 1:], far[:, :-1], out=upper[:, 1:])
    np.add(near[:, :-1], far[:, 1:], out=lower[:, :-1])
    upper[:, 0], lower[:, -1] = planes[:, 0], planes[:, -1]
    return result[:, :height]


def _explain(colour: Planes, share: Planes, means: Planes) -> Planes:
    """Give what the means do not explain of h×w×3 colours to the foreground; return 3×h×w.

    An opaque pixel keeps its colour exactly. The result is ready to be cut off to bytes.
    """
    front, back = means[:3], means[3:]
    missing = colour.transpose(2, 0, 1) - back
    np.subtract(front, back, out=back)
    back *= share
    missing -= back
    missing *= share
    missing += front
    missing += np.float32(0.5)
    return np.clip(missing, 0, 255, out=missing)
