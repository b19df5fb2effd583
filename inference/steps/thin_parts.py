"""Which thin parts of a product did the network miss: straps, legs and cables on a plain ground.

On a ground of one colour, whatever differs from it is product or shadow. Shadows are broad, so only
what is thinner than a small share of the picture, and hangs on the product, is added to the mask.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.steps.morphology import Flags, grow
from inference.steps.resize import average_rgb, resize_mask

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_WORKING_SIDE = 1024  # thinner than a pixel of this is not sought
_PLAIN_SHARE, _PLAIN = 0.9, 14.0  # so much of the border is so near its median colour
_NEAR, _FAR = 16.0, 48.0  # differences from the ground that are alpha 0 and 1
_THICKNESS = 0.012  # of the working side: what is thicker is no thin part
_REACH = 0.01  # a gap up to this wide still counts as hanging on the product
_SUBJECT = 128


def keep_thin_parts(rgb: Bytes, mask: Bytes) -> Bytes:
    """Return the H×W mask with the thin parts that show on a plain ground; else as it is."""
    height, width = mask.shape
    shrink = max(1.0, max(height, width) / _WORKING_SIDE)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    small, subject = average_rgb(rgb, *size), resize_mask(mask, *size)
    ground = _ground_colour(small, subject)
    if ground is None or not (subject >= _SUBJECT).any():
        return mask
    parts = _thin_parts(_difference(small, ground), subject >= _SUBJECT)
    if not parts.any():
        return mask
    return _add(rgb, mask, ground, parts)


def _ground_colour(small: Bytes, subject: Bytes) -> Floats | None:
    """Return the colour of the border, None where it has not one."""
    colours = _border(small)[_border(subject) == 0].astype(np.float32)
    if colours.size == 0:
        return None
    median = np.median(colours, axis=0)
    near = np.abs(colours - median).max(axis=1) <= _PLAIN
    return np.asarray(median, np.float32) if near.mean() >= _PLAIN_SHARE else None


def _border(pixels: Bytes) -> Bytes:
    return np.concatenate((pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]))


def _difference(rgb: Bytes, ground: Floats) -> Floats:
    """Return 0..1: how surely a pixel is not the ground."""
    apart = np.zeros(rgb.shape[:2], np.float32)
    for band in range(3):
        np.maximum(apart, np.abs(rgb[..., band] - ground[band]), out=apart)
    return np.asarray(((apart - _NEAR) / (_FAR - _NEAR)).clip(0, 1), np.float32)


def _thin_parts(difference: Floats, subject: Flags) -> Flags:
    from scipy.ndimage import label

    side = max(subject.shape)
    seen = (difference > 0.5) | subject
    radius = max(1, round(_THICKNESS * side / 2))
    thick = grow(~grow(~seen, radius), radius)
    shadow = thick & ~subject
    thin = seen & ~grow(shadow, 1) & ~subject
    labels, count = label(thin, np.ones((3, 3)))
    hangs_on, leads_away = np.zeros((2, count + 1), np.bool_)
    hangs_on[labels[thin & grow(subject, max(1, round(_REACH * side)))]] = True
    # A shadow is thin too where it tapers off; but a leg that stands in it leads out of it.
    leads_away[labels[thin & ~grow(shadow, 2 * radius + 1)]] = True
    return np.asarray((hangs_on & leads_away)[labels], np.bool_)


def _add(rgb: Bytes, mask: Bytes, ground: Floats, parts: Flags) -> Bytes:
    height, width = mask.shape
    rows = np.arange(height) * parts.shape[0] // height
    columns = np.arange(width) * parts.shape[1] // width
    near = grow(parts, 1)[rows][:, columns]
    seen = _difference(rgb, ground) * np.float32(255) + np.float32(0.5)
    return np.where(near, np.maximum(mask, seen.astype(np.uint8)), mask)
