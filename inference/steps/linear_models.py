"""How does a small alpha follow the edges of a large picture: alpha ≈ a·I + b in each window.

The guided filter of He, Sun and Tang (2013) in the fast form of He and Sun (2015): the models are
fitted at reduced size by ridge regression and evaluated at full size. Both happen only where they
are asked for, since an alpha is flat nearly everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inference.steps.sampling import Sampler, chunks

Plane = NDArray[np.float32]
Indices = NDArray[np.intp]


def grow(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Widen an h×w mask by `radius` pixels in all directions, square."""
    for _ in range(radius):
        wide = mask.copy()
        wide[1:] |= mask[:-1]
        wide[:-1] |= mask[1:]
        mask = wide.copy()
        mask[:, 1:] |= wide[:, :-1]
        mask[:, :-1] |= wide[:, 1:]
    return mask


def fit_models(
    rgb: NDArray[np.uint8],
    alpha: Plane,
    where: NDArray[np.bool_],
    *,
    radius: int,
    epsilon: float,
) -> Plane:
    """Fit alpha ≈ a·I + b (I in 0..1) around the pixels `where`; return h×w×4 float32 (a, b).

    Each model is the mean of those of the (2·radius+1)² windows that hold the pixel; elsewhere it
    is the alpha itself. A window whose colour varies less than `epsilon` counts as flat (a = 0).
    """
    height, width = alpha.shape
    offsets = list(_offsets(radius, width + 4 * radius))
    padded = _pad(rgb, alpha, 2 * radius)
    windows = np.flatnonzero(np.pad(grow(np.pad(where, radius), radius), radius))
    fitted = np.zeros((padded.shape[1], 4), np.float32)
    fitted[windows] = _ridge(_moments(padded, windows, offsets), epsilon)
    inside = np.flatnonzero(np.pad(where, 2 * radius))
    total = np.zeros((inside.size, 4), np.float32)
    for offset in offsets:
        total += fitted.take(inside + offset, 0)
    models = np.zeros((height, width, 4), np.float32)
    models[..., 3] = alpha
    models[where] = total * np.float32(1 / len(offsets))
    return models


def _offsets(radius: int, stride: int) -> Iterator[int]:
    for row in range(-radius, radius + 1):
        for column in range(-radius, radius + 1):
            yield row * stride + column


def _pad(rgb: NDArray[np.uint8], alpha: Plane, border: int) -> Plane:
    """Return 4 flat planes, red, green, blue and alpha, widened by their edge pixels."""
    height, width = alpha.shape
    rows = np.clip(np.arange(-border, height + border), 0, height - 1)
    columns = np.clip(np.arange(-border, width + border), 0, width - 1)
    wide = rgb[rows][:, columns]
    planes = np.empty((4, *wide.shape[:2]), np.float32)
    for band in range(3):
        np.multiply(wide[..., band], np.float32(1 / 255), out=planes[band])
    planes[3] = alpha[rows][:, columns]
    return planes.reshape(4, -1)


def _moments(planes: Plane, windows: Indices, offsets: list[int]) -> Plane:
    """Return, for each window, the means of r, g, b, p and of rr rg rb gg gb bb pr pg pb."""
    total = np.zeros((13, windows.size), np.float32)
    for offset in offsets:
        r, g, b, p = (plane.take(windows + offset) for plane in planes)
        values = (r, g, b, p, r * r, r * g, r * b, g * g, g * b, b * b, p * r, p * g, p * b)
        for slot, value in enumerate(values):
            total[slot] += value
    total *= np.float32(1 / len(offsets))
    return total


def _ridge(mean: Plane, epsilon: float) -> Plane:
    """Solve (cov(I) + epsilon) a = cov(I, alpha) for every window by Cramer's rule."""
    exact = mean.astype(np.float64)  # nearly flat windows lose their digits in float32
    r, g, b, p = exact[:4]
    rr, rg, rb = exact[4] - r * r + epsilon, exact[5] - r * g, exact[6] - r * b
    gg, gb, bb = exact[7] - g * g + epsilon, exact[8] - g * b, exact[9] - b * b + epsilon
    pr, pg, pb = exact[10] - r * p, exact[11] - g * p, exact[12] - b * p
    c_rr, c_rg, c_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    scale = 1 / (rr * c_rr + rg * c_rg + rb * c_rb)
    red = (c_rr * pr + c_rg * pg + c_rb * pb) * scale
    green = (c_rg * pr + c_gg * pg + c_gb * pb) * scale
    blue = (c_rb * pr + c_gb * pg + c_bb * pb) * scale
    offset = p - red * r - green * g - blue * b
    return np.stack([red, green, blue, offset], axis=1).astype(np.float32)


def evaluate_models(models: Plane, rgb: NDArray[np.uint8], pixels: Indices) -> Plane:
    """Return a·I + b, within 0..1, at n flat indices of the large H×W×3 picture."""
    height, width = rgb.shape[:2]
    colours = rgb.reshape(-1, 3)
    sampler = Sampler(models, height, width)
    result = np.empty(pixels.size, np.float32)
    for part in chunks(pixels.size):
        model = sampler.at(pixels[part])
        colour = colours.take(pixels[part], 0).astype(np.float32) * np.float32(1 / 255)
        result[part] = np.einsum("ij,ij->i", model[:, :3], colour) + model[:, 3]
    return np.clip(result, 0, 1, out=result)
