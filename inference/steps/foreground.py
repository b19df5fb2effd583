"""Which colours has the subject itself on its soft edges, where the old background shines through.

The multi-level estimation of Germer, Uelwer, Conrad and Harmeling (2020): foreground and background
are smooth wherever alpha is, and mix to the picture; solved from coarse to fine, here up to a
working size only. At full size, on the soft pixels, what both fail to explain of the pixel's own
colour goes to the foreground (Forte 2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from inference.steps.linear_models import grow
from inference.steps.resize import resize_mask, resize_rgb
from inference.steps.sampling import Sampler, chunks

Bytes = NDArray[np.uint8]
Planes = NDArray[np.float32]
Indices = NDArray[np.intp]

_WORKING_PIXELS = 125_000
_SMOOTHNESS = 1e-5  # how much neighbours pull where alpha is even
_COARSE_ITERATIONS, _FINE_ITERATIONS = 10, 10
_COARSE_PIXELS = 32 * 32
_REACH = 1  # working pixels beyond the soft ones that take part
_MARGIN_SHARE = 0.05


def estimate_foreground(rgb: Bytes, alpha: Bytes) -> Bytes:
    """Return H×W×3 uint8: the subject's own colours where alpha is 1..254, else `rgb` as it is."""
    soft = (alpha > 0) & (alpha < 255)
    window = _window(soft)
    if window is None:
        return rgb
    result = rgb.copy()
    cut = np.ascontiguousarray(rgb[window])
    means = _means(cut, alpha[window])
    result[window][soft[window]] = _explain(cut, alpha[window], soft[window], means)
    return result


def _window(soft: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    rows = np.flatnonzero(soft.any(axis=1))
    if rows.size == 0:
        return None
    return _span(rows, soft.shape[0]), _span(np.flatnonzero(soft.any(axis=0)), soft.shape[1])


def _span(places: NDArray[np.intp], length: int) -> slice:
    """Reach from the first to the last place and a little beyond, to see pure colours too."""
    margin = 8 + int(length * _MARGIN_SHARE)
    return slice(max(0, int(places[0]) - margin), min(length, int(places[-1]) + 1 + margin))


def _means(rgb: Bytes, alpha: Bytes) -> Planes:
    """Return h×w×6 in 0..1 at working size: foreground and background colour of each pixel."""
    both: Planes | None = None
    levels = list(_levels(*alpha.shape))
    height, width = levels[-1]
    rgb, alpha = resize_rgb(rgb, width, height), resize_mask(alpha, width, height)
    for height, width in levels:
        colour = np.moveaxis(resize_rgb(rgb, width, height), -1, 0) * np.float32(1 / 255)
        share = resize_mask(alpha, width, height) * np.float32(1 / 255)
        both = _mean_colours(colour, share) if both is None else _nearest(both, height, width)
        np.copyto(both[:3], colour, where=share == 1)
        np.copyto(both[3:], colour, where=share == 0)
        _relax(both, colour, share)
    assert both is not None
    return np.ascontiguousarray(np.moveaxis(both, 0, -1))


def _levels(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield sizes from a few pixels to the working size, doubling."""
    shrink = max(1.0, sqrt(height * width / _WORKING_PIXELS))
    rows, columns = height / shrink, width / shrink
    halvings = int(max(rows, columns)).bit_length() - 1
    for level in range(halvings, -1, -1):
        yield max(1, round(rows / 2**level)), max(1, round(columns / 2**level))


def _mean_colours(colour: Planes, share: Planes) -> Planes:
    """Fill 6×h×w with the mean colour of the foreground and that of the background."""
    weights = np.stack([share, 1 - share]) + np.float32(1e-4)
    means = np.einsum("chw,khw->kc", colour, weights) / weights.sum(axis=(1, 2))[:, np.newaxis]
    return np.tile(means.astype(np.float32).reshape(6, 1, 1), (1, *share.shape))


def _nearest(both: Planes, height: int, width: int) -> Planes:
    rows = np.arange(height) * both.shape[1] // height
    columns = np.arange(width) * both.shape[2] // width
    return np.ascontiguousarray(both[:, rows][:, :, columns])


def _relax(both: Planes, colour: Planes, share: Planes) -> None:
    """Pull the pixels near soft ones to their neighbours and to their own colour (Jacobi).

    Each pixel solves the 2×2 system of its foreground and background in every channel.
    """
    coarse = share.size <= _COARSE_PIXELS
    near = np.ones_like(share, np.bool_) if coarse else grow((share > 0) & (share < 1), _REACH)
    pixels = np.flatnonzero(near)
    neighbours = _neighbours(pixels, *share.shape)
    flat = share.ravel()
    own = flat[pixels]
    pulls = [np.abs(flat[other] - own) + np.float32(_SMOOTHNESS) for other in neighbours]
    weight = sum(pulls[1:], pulls[0])
    rest = 1 - own
    scale = 1 / (weight * (weight + own * own + rest * rest) + np.float32(1e-12))
    ff, bb = (weight + rest * rest) * scale, (weight + own * own) * scale
    fb = -own * rest * scale
    mixed = colour.reshape(3, -1)[:, pixels]
    fixed = np.concatenate([mixed * own, mixed * rest])
    values = both.reshape(6, -1)
    for _ in range(_COARSE_ITERATIONS if coarse else _FINE_ITERATIONS):
        total = fixed.copy()
        for pull, other in zip(pulls, neighbours, strict=True):
            total += pull * values.take(other, 1)
        front, back = total[:3], total[3:]
        solved = np.concatenate([ff * front + fb * back, fb * front + bb * back])
        values[:, pixels] = np.clip(solved, 0, 1, out=solved)


def _neighbours(pixels: Indices, height: int, width: int) -> list[Indices]:
    """Return the flat indices above, below, left and right; the pixel itself at the border."""
    rows, columns = np.divmod(pixels, width)
    return [
        pixels - width * (rows > 0),
        pixels + width * (rows < height - 1),
        pixels - (columns > 0),
        pixels + (columns < width - 1),
    ]


def _residual(colour: Planes, share: Planes, means: Planes) -> Planes:
    """Give what the means do not explain of a colour to the foreground, in 0..1."""
    front, back = means[..., 0:3], means[..., 3:6]
    missing = colour - back
    missing -= share * (front - back)
    missing *= share
    missing += front
    return np.clip(missing, 0, 1, out=missing)


def _explain(rgb: Bytes, alpha: Bytes, soft: NDArray[np.bool_], means: Planes) -> Bytes:
    """Return the foreground colours of the soft pixels, in row order."""
    pixels = np.flatnonzero(soft)
    sampler = Sampler(means, *alpha.shape)
    colours, shares = rgb.reshape(-1, 3), alpha.ravel()
    result = np.empty((pixels.size, 3), np.uint8)
    for part in chunks(pixels.size):
        some = pixels[part]
        colour = colours.take(some, 0) * np.float32(1 / 255)
        share = (shares[some] * np.float32(1 / 255))[:, np.newaxis]
        front = _residual(colour, share, sampler.at(some))
        result[part] = front * np.float32(255) + np.float32(0.5)
    return result
