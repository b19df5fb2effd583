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

from inference.kernels.laying import lay_over_ground
from inference.kernels.resampling import average_ground, fill_unknown, halve_known
from inference.picture import Picture
from inference.steps.foreground import NO_COLOURS, estimate_colours
from inference.steps.mask import SURE
from inference.steps.morphology import grow

Bytes = NDArray[np.uint8]
Grid = NDArray[np.float32]

_SIGMA_SHARE = {1: 0.004, 2: 0.0075, 3: 0.014, 4: 0.025, 5: 0.044}
"""Standard deviation of the blur, as a share of √(width · height)."""
_SIGMA_SMALL = 1.5  # what is left of it at the reduced size
_FAINT = 3  # alpha up to this is background
_SKIRT_SHARE = 0.003  # the mask's edge is not exact: so far beyond it nothing counts as background


def blur_background(picture: Picture, mask: Bytes, scale: int, *, preserve_alpha: bool) -> Picture:
    """Lay the subject (H×W mask, 255 is subject) over its own ground, blurred; sizes stay.

    Pixels where the mask is 255 stay as they are; where it is sure nowhere, all is blurred. A
    picture with an alpha of its own keeps it, or is laid over the blurred ground and gets opaque.
    """
    own = picture.alpha
    if mask.max() < SURE:
        mask = np.zeros_like(mask)
    ground, shrink = blurred_ground(picture, mask, scale)
    result = _lay_over(picture.rgb, mask, ground, shrink, is_mixed=own is None)
    if own is None or preserve_alpha:
        return Picture(result, own)
    return Picture(_lay_over(result, own, ground, shrink, is_mixed=False))


def _lay_over(rgb: Bytes, alpha: Bytes, ground: Grid, shrink: int, *, is_mixed: bool) -> Bytes:
    """Lay colours, which may hold some of their old background on soft edges, over the ground."""
    rgb, alpha = np.ascontiguousarray(rgb), np.ascontiguousarray(alpha)
    colours = estimate_colours(rgb, alpha) if is_mixed else NO_COLOURS
    own = np.broadcast_to(np.uint8(255 if is_mixed else 0), alpha.shape)
    result = np.empty_like(rgb)
    lay_over_ground(rgb, alpha, own, colours.cells, colours.grid, ground, shrink, result)
    return result


def blurred_ground(picture: Picture, mask: Bytes, scale: int) -> tuple[Grid, int]:
    """Return the picture without its subject, blurred and small: h×w×4, the last of no meaning.

    And how many pixels a side each of its pixels stands for; between them it is bilinear.
    """
    height, width = picture.height, picture.width
    sigma = _SIGMA_SHARE[scale] * sqrt(height * width)
    shrink = max(1, min(int(sigma / _SIGMA_SMALL), height, width))
    rgb, is_ground = np.ascontiguousarray(picture.rgb), mask <= _FAINT
    if picture.alpha is not None:
        is_ground &= picture.alpha > 0
    cells = average_ground(rgb, is_ground.view(np.uint8), shrink)
    skirt = round(_SKIRT_SHARE * sqrt(height * width) / shrink)
    cells[grow(cells[..., 3] < 1, skirt)] = 0
    if not cells[..., 3].any():
        cells = average_ground(rgb, np.ones(mask.shape, np.uint8), shrink)
    levels = [cells]
    while max(levels[-1].shape[:2]) > 1 and levels[-1][..., 3].min() < 1:
        levels.append(halve_known(levels[-1]))
    for level in reversed(levels[:-1]):
        fill_unknown(level, levels.pop())
    small = Image.fromarray((cells[..., :3] + np.float32(0.5)).astype(np.uint8))
    small = small.filter(ImageFilter.GaussianBlur(sigma / shrink))
    return np.asarray(small.convert("RGBA"), np.float32), shrink
