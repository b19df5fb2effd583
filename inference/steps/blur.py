"""What does the ground behind a subject look like out of focus.

Only background pixels take part: the subject's place is filled from its surroundings before
anything is blurred, so no halo of the subject bleeds into the ground. The work is done at a size
that shrinks as the blur grows, so that its cost does not.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from inference.picture import Picture
from inference.steps.diffusion import spread
from inference.steps.foreground import estimate_foreground
from inference.steps.linear_models import grow

Bytes = NDArray[np.uint8]

_SIGMA_SHARE = {1: 0.004, 2: 0.0075, 3: 0.014, 4: 0.025, 5: 0.044}
"""Standard deviation of the blur, as a share of √(width · height)."""
_SIGMA_SMALL = 2.0  # what is left of it at the reduced size
_FAINT = 3  # alpha up to this is background
_SKIRT_SHARE = 0.003  # the mask's edge is not exact: so far beyond it nothing counts as background


def blur_background(picture: Picture, mask: Bytes, scale: int, *, preserve_alpha: bool) -> Picture:
    """Lay the subject (H×W mask, 255 is subject) over its own ground, blurred; sizes stay.

    Pixels where the mask is 255 stay as they are. A picture with an alpha of its own keeps it, or
    is laid over the blurred ground and becomes opaque.
    """
    ground = blurred_ground(picture, mask, scale)
    front = estimate_foreground(picture.rgb, mask) if picture.alpha is None else picture.rgb
    result = _over(front, mask, ground)
    own = picture.alpha
    if own is None:
        return Picture(result)
    if preserve_alpha:
        return Picture(result, own)
    return Picture(_over(result, own, ground))


def blurred_ground(picture: Picture, mask: Bytes, scale: int) -> Bytes:
    """Return H×W×3: the picture without its subject, blurred."""
    height, width = picture.height, picture.width
    sigma = _SIGMA_SHARE[scale] * sqrt(height * width)
    shrink = max(1, min(int(sigma / _SIGMA_SMALL), height, width))
    values, weight = _reduced(picture, mask, shrink)
    skirt = round(_SKIRT_SHARE * sqrt(height * width) / shrink)
    weight[grow(weight < 1, skirt)] = 0
    if not weight.any():
        values, weight = _reduced(Picture(picture.rgb), np.zeros_like(mask), shrink)
    filled = spread(values, weight)
    small = Image.fromarray(np.rint(np.clip(filled, 0, 255)).astype(np.uint8))
    small = small.filter(ImageFilter.GaussianBlur(sigma / shrink))
    # The last block may be cut off by the picture's edge: `box` keeps the scale exact.
    box = (0, 0, width / shrink, height / shrink)
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR, box=box))


def _reduced(picture: Picture, mask: Bytes, shrink: int) -> tuple[NDArray[np.float32], ...]:
    """Average blocks of background pixels: h×w×3 values, and the share h×w that is background."""
    is_ground = mask <= _FAINT
    if picture.alpha is not None:
        is_ground &= picture.alpha > 0
    known = Image.fromarray(np.where(is_ground, np.uint8(255), np.uint8(0)))
    share = np.asarray(known.reduce(shrink), np.float32) * np.float32(1 / 255)
    kept = Image.new("RGB", known.size)
    kept.paste(Image.fromarray(picture.rgb), (0, 0), known)
    values = np.asarray(kept.reduce(shrink), np.float32)
    return values / np.maximum(share, np.float32(1 / 255))[..., np.newaxis], share


def _over(front: Bytes, alpha: Bytes, back: Bytes) -> Bytes:
    """Lay a picture over an opaque one; exact where alpha is 0 or 255."""
    below = Image.fromarray(back)
    below.paste(Image.fromarray(front), (0, 0), Image.fromarray(alpha))
    return np.asarray(below)
