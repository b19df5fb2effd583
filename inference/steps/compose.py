"""How do a picture and an alpha become the result: cut out, on a colour, or flattened.

Alpha is straight everywhere. Colours under alpha 0 are 0, 0, 0: nothing of the old background
leaks, and they cost the fewest bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inference.picture import Picture
from inference.steps.foreground import is_soft, write_foreground
from inference.steps.sampling import as_pixels, replace, tiles

Bytes = NDArray[np.uint8]
Colour = tuple[int, int, int]
ColourAlpha = tuple[int, int, int, int]

_WHITE: Colour = (255, 255, 255)
_STRIP_PIXELS = 1 << 16


def must_detect(picture: Picture, *, force_background_detection: bool) -> bool:
    """Tell whether `combine_alpha` needs a mask for this picture."""
    return picture.alpha is None or force_background_detection


def combine_alpha(
    picture: Picture, mask: Bytes | None, *, force_background_detection: bool, preserve_alpha: bool
) -> Bytes:
    """Return the H×W alpha of the result, by the rules for pictures that have their own alpha.

    `mask` is the network's, from the picture flattened on white; it may be None only where it does
    not count: the picture has an alpha and detection is not forced.
    """
    own = picture.alpha
    if own is not None and not force_background_detection:
        return own if preserve_alpha else np.where(own > 0, np.uint8(255), np.uint8(0))
    if mask is None:
        raise ValueError("a mask is needed: the picture has no alpha, or detection is forced")
    return mask if own is None or not preserve_alpha else multiply_alpha(mask, own)


def multiply_alpha(first: Bytes, second: Bytes) -> Bytes:
    """Multiply two H×W alphas as fractions of 255, rounded."""
    product = first.astype(np.uint16) * second
    product += 128  # (x + (x >> 8)) >> 8 of x + 128 is x / 255, rounded
    return ((product + (product >> 8)) >> 8).astype(np.uint8)


def cut_out(picture: Picture, alpha: Bytes) -> Picture:
    """Keep the subject: true foreground colours, straight alpha, 0, 0, 0 where alpha is 0."""
    rgba = _cut(picture, alpha)
    return Picture(rgba[..., :3], rgba[..., 3])


def paint_behind(picture: Picture, alpha: Bytes, rgba: ColourAlpha) -> Picture:
    """Cut out the subject and lay a colour (all 0..255) behind it and its soft edges."""
    return _lay_over(_cut(picture, alpha), rgba)


def flatten(picture: Picture, rgb: Colour = _WHITE) -> Picture:
    """Lay an opaque colour behind a picture; its colours are taken as they are."""
    if picture.alpha is None:
        return picture
    return _lay_over(_join(picture.rgb, picture.alpha), (*rgb, 255))


def _cut(picture: Picture, alpha: Bytes) -> Bytes:
    """Return H×W×4: true foreground colours, except where the picture's own alpha is soft.

    Straight colours under an alpha of the picture's own hold no background any more.
    """
    rgba = _join(picture.rgb, alpha)
    mixed = is_soft(alpha)
    if picture.alpha is not None:
        mixed &= picture.alpha == 255
    write_foreground(picture.rgb, alpha, mixed, rgba)
    return rgba


def _join(rgb: Bytes, alpha: Bytes) -> Bytes:
    """Return H×W×4, all 0 where alpha is 0."""
    rgba = np.empty((*alpha.shape, 4), np.uint8)
    for rows in _strips(alpha):
        part = rgba[rows]
        for band in range(3):
            part[..., band] = rgb[rows][..., band]
        part[..., 3] = alpha[rows]
        as_pixels(part)[...] *= alpha[rows] > 0
    return rgba


def _lay_over(rgba: Bytes, behind: ColourAlpha) -> Picture:
    """The over operator in straight alpha, in place; only soft pixels are computed."""
    alpha = rgba[..., 3].copy()
    colour = np.array(behind if behind[3] else (0, 0, 0, 0), np.uint8).view(np.uint32)[0]
    for rows in _strips(alpha):
        as_pixels(rgba[rows])[...] += (alpha[rows] == 0) * colour
    soft = is_soft(alpha)
    for tile in tiles(soft):
        replace(as_pixels(rgba[tile]), as_pixels(_mix(rgba[tile], behind)), soft[tile])
    return Picture(rgba[..., :3], None if behind[3] == 255 else rgba[..., 3])


def _mix(front: Bytes, behind: ColourAlpha) -> Bytes:
    """Lay h×w×4 pixels over one colour; where alpha is 0 the result means nothing."""
    share = front[..., 3] * np.float32(1 / 255)
    both = share + (1 - share) * np.float32(behind[3] / 255)
    weight = share / np.maximum(both, np.float32(1 / 255))
    result = np.empty_like(front)
    for band in range(3):
        back = np.float32(behind[band])
        result[..., band] = (front[..., band] - back) * weight + (back + np.float32(0.5))
    result[..., 3] = both * np.float32(255) + np.float32(0.5)
    return result


def _strips(alpha: Bytes) -> Iterator[slice]:
    """Cut the rows so that the temporaries of each strip stay in the cache."""
    rows = max(1, _STRIP_PIXELS // alpha.shape[1])
    for top in range(0, alpha.shape[0], rows):
        yield slice(top, top + rows)
