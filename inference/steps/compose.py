"""How do a picture and an alpha become the result: cut out, on a colour, or flattened.

Alpha is straight everywhere. Colours under alpha 0 are 0, 0, 0: nothing of the old background
leaks, and they cost the fewest bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.picture import Picture
from inference.steps.foreground import estimate_colours

Bytes = NDArray[np.uint8]
Colour = tuple[int, int, int]
ColourAlpha = tuple[int, int, int, int]

_WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a picture, in pixels; it may begin before the picture and end after it."""

    left: int
    top: int
    width: int
    height: int


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


def cut_out(picture: Picture, alpha: Bytes, place: Place | None = None) -> Picture:
    """Keep the subject: true foreground colours, straight alpha, 0, 0, 0 where alpha is 0.

    `place` is the part of the picture that is wanted; it may reach beyond the picture.
    """
    rgba = _cut(picture, alpha, place or Place(0, 0, picture.width, picture.height))
    return Picture(rgba[..., :3], rgba[..., 3])


def paint_behind(picture: Picture, alpha: Bytes, rgba: ColourAlpha) -> Picture:
    """Cut out the subject and lay a colour (all 0..255) behind it and its soft edges."""
    from inference.kernels.composing import lay_over_colour

    cut = _cut(picture, alpha, Place(0, 0, picture.width, picture.height))
    behind = np.array(rgba if rgba[3] else (0, 0, 0, 0), np.uint8)
    if rgba[3] == 255:
        return Picture(_lay_over(cut, alpha, behind))
    lay_over_colour(cut, np.ascontiguousarray(alpha), behind, cut)
    return Picture(cut[..., :3], cut[..., 3])


def flatten(picture: Picture, rgb: Colour = _WHITE) -> Picture:
    """Lay an opaque colour behind a picture; its colours are taken as they are."""
    if picture.alpha is None:
        return picture
    behind = np.array((*rgb, 255), np.uint8)
    return Picture(_lay_over(np.ascontiguousarray(picture.rgb), picture.alpha, behind))


def own_alpha(picture: Picture) -> Bytes:
    """Return the picture's alpha, 255 everywhere where it has none."""
    if picture.alpha is not None:
        return picture.alpha
    return np.broadcast_to(np.uint8(255), (picture.height, picture.width))


def _cut(picture: Picture, alpha: Bytes, place: Place) -> Bytes:
    """Return h×w×4: true foreground colours, except where the picture's own alpha is soft.

    Straight colours under an alpha of the picture's own hold no background any more.
    """
    from inference.kernels import composing

    rgb, alpha = np.ascontiguousarray(picture.rgb), np.ascontiguousarray(alpha)
    colours = estimate_colours(rgb, alpha)
    rgba = np.empty((place.height, place.width, 4), np.uint8)
    composing.cut_out(
        *(rgb, alpha, own_alpha(picture), colours.cells, colours.grid),
        *(place.top, place.left, rgba),
    )
    return rgba


def _lay_over(colours: Bytes, alpha: Bytes, behind: Bytes) -> Bytes:
    """Lay H×W×3 or 4 colours over an opaque one."""
    from inference.kernels.composing import lay_over_colour

    result = np.empty((*alpha.shape, 3), np.uint8)
    lay_over_colour(colours, alpha, behind, result)
    return result
