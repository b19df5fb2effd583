"""How does a small alpha follow the edges of a large picture: alpha ≈ a·I + b in each window.

The guided filter of He, Sun and Tang (2013) in the fast form of He and Sun (2015): the models are
fitted at reduced size by ridge regression and evaluated at full size, there only where they are
asked for, since an alpha is flat nearly everywhere.
"""

from __future__ import annotations

import numpy as np

from inference.steps.sampling import Bytes, Enlarger, Flags, Planes, replace, tiles


def grow(mask: Flags, radius: int) -> Flags:
    """Widen an h×w mask by `radius` pixels in all directions, square."""
    for _ in range(radius):
        wide = mask.copy()
        wide[1:] |= mask[:-1]
        wide[:-1] |= mask[1:]
        mask = wide.copy()
        mask[:, 1:] |= wide[:, :-1]
        mask[:, :-1] |= wide[:, 1:]
    return mask


def fit_models(rgb: Bytes, alpha: Planes, where: Flags, *, radius: int, epsilon: float) -> Planes:
    """Fit alpha ≈ a·I + b (I in 0..1) at the pixels `where`; return 4×h×w float32 (a, b).

    Each model is the mean of those of the (2·radius+1)² windows that hold the pixel; elsewhere it
    is the alpha itself. A window whose colour varies less than `epsilon` counts as flat (a = 0).
    """
    models = np.zeros((4, *alpha.shape), np.float32)
    models[3] = alpha
    rows = np.flatnonzero(where.any(axis=1))
    if rows.size == 0:
        return models
    columns = np.flatnonzero(where.any(axis=0))
    place = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    planes = _around(rgb, alpha, place, 2 * radius)
    share = 1 / (2 * radius + 1) ** 2
    for slot, plane in enumerate(_ridge(planes, radius, epsilon)):
        mean = _sum_windows(plane, radius)
        mean *= np.float32(share)
        np.copyto(models[slot][place], mean, where=where[place])
    return models


def _around(rgb: Bytes, alpha: Planes, place: tuple[slice, slice], border: int) -> list[Planes]:
    """Return red, green, blue in 0..255 and alpha of a part, widened by what lies around it.

    Beyond the frame lie its edge pixels.
    """
    index = np.ix_(
        *(
            np.arange(span.start - border, span.stop + border).clip(0, length - 1)
            for span, length in zip(place, alpha.shape, strict=True)
        )
    )
    wide = rgb[index]
    return [*(wide[..., band].astype(np.float32) for band in range(3)), alpha[index]]


def _sum_windows(plane: Planes, radius: int) -> Planes:
    """Sum each (2·radius+1)² window that lies within the plane."""
    return _sum_runs(_sum_runs(plane, 2 * radius + 1).T, 2 * radius + 1).T


def _sum_runs(plane: Planes, length: int) -> Planes:
    """Sum each `length` neighbouring rows."""
    stop = plane.shape[0] - length + 1
    total = plane[:stop] + plane[1 : stop + 1]
    for first in range(2, length):
        total += plane[first : stop + first]
    return total


def _ridge(planes: list[Planes], radius: int, epsilon: float) -> tuple[Planes, ...]:
    """Solve (cov(I) + epsilon) a = cov(I, alpha) for every window; return a (of I in 0..1) and b.

    By elimination, which float32 bears where Cramer's rule does not. The sums of products of bytes
    in windows of 3×3 are whole numbers that float32 holds exactly.
    """
    count = (2 * radius + 1) ** 2
    level = np.float32(255 * 255 * epsilon * count)
    means = [_sum_windows(plane, radius) * np.float32(1 / count) for plane in planes]

    def spread(first: int, second: int) -> Planes:
        total = _sum_windows(planes[first] * planes[second], radius)
        total -= means[first] * means[second] * np.float32(count)
        if first == second:
            total += level
        return total

    rr, rg, rb, rp = (spread(0, other) for other in range(4))
    first = np.reciprocal(rr)
    g_of_r, b_of_r = rg * first, rb * first
    gg = spread(1, 1) - g_of_r * rg
    gb = spread(1, 2) - g_of_r * rb
    gp = spread(1, 3) - g_of_r * rp
    second = np.reciprocal(gg)
    b_of_g = gb * second
    bb = spread(2, 2) - b_of_r * rb - b_of_g * gb
    blue = (spread(2, 3) - b_of_r * rp - b_of_g * gp) / bb
    green = gp * second - b_of_g * blue
    red = rp * first - g_of_r * green - b_of_r * blue
    offset = means[3] - red * means[0] - green * means[1] - blue * means[2]
    unit = np.float32(255)
    return tuple(
        np.asarray(part, np.float32) for part in (red * unit, green * unit, blue * unit, offset)
    )


def evaluate_models(models: Planes, rgb: Bytes, where: Flags, alpha: Bytes) -> None:
    """Write a·I + b, within 0..1 and in bytes, to the pixels `where` of the large H×W `alpha`."""
    scaled = models.copy()
    scaled[3] *= 255
    scaled[3] += 0.5  # rounds where the bytes are cut off
    enlarger = Enlarger(scaled, *alpha.shape)
    for tile in tiles(where):
        model, colours = enlarger.read(tile), rgb[tile].astype(np.float32)
        value = model[3]
        for band in range(3):
            value += np.multiply(model[band], colours[..., band], out=model[band])
        np.clip(value, 0, 255, out=value)
        replace(alpha[tile], value.astype(np.uint8), where[tile])
