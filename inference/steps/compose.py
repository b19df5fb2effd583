"""How do a picture and an alpha become the result: cut out, on a colour, or flattened.

Alpha is straight everywhere. Colours under alpha 0 are 0, 0, 0: nothing of the old background
leaks, and they cost the fewest bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.kernels import composing, laying
from inference.picture import Picture
from inference.steps.foreground import NO_COLOURS, EdgeColours, estimate_colours

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
    place = place or Place(0, 0, picture.width, picture.height)
    rgba = np.empty((place.height, place.width, 4), np.uint8)
    _Cut.of(picture, alpha).write(place.top, place.left, rgba)
    return Picture(rgba[..., :3], rgba[..., 3])


def paint_behind(picture: Picture, alpha: Bytes, rgba: ColourAlpha) -> Picture:
    """Cut out the subject and lay a colour (all 0..255) behind it and its soft edges."""
    cut = _Cut.of(picture, alpha)
    if rgba[3] == 255:
        return Picture(cut.lay_over(rgba[:3]))
    whole = np.empty((*cut.alpha.shape, 4), np.uint8)
    cut.write(0, 0, whole)
    behind = np.array(rgba if rgba[3] else (0, 0, 0, 0), np.uint8)
    laying.lay_over_colour(whole, cut.alpha, behind, whole)
    return Picture(whole[..., :3], whole[..., 3])


def flatten(picture: Picture, rgb: Colour = _WHITE) -> Picture:
    """Lay an opaque colour behind a picture; its colours are taken as they are."""
    if picture.alpha is None:
        return picture
    colours, alpha = np.ascontiguousarray(picture.rgb), np.ascontiguousarray(picture.alpha)
    return Picture(_Cut(colours, alpha, alpha, NO_COLOURS).lay_over(rgb))


def own_alpha(picture: Picture) -> Bytes:
    """Return the picture's alpha, 255 everywhere where it has none."""
    if picture.alpha is not None:
        return picture.alpha
    return np.broadcast_to(np.uint8(255), (picture.height, picture.width))


@dataclass(frozen=True, slots=True)
class _Cut:
    """A cut-out to be written: true foreground colours, but where the picture's alpha is soft.

    Straight colours under an alpha of the picture's own hold no background any more.
    """

    rgb: Bytes
    alpha: Bytes
    own: Bytes
    colours: EdgeColours

    @classmethod
    def of(cls, picture: Picture, alpha: Bytes) -> _Cut:
        """Estimate the colours of its soft edges."""
        rgb, alpha = np.ascontiguousarray(picture.rgb), np.ascontiguousarray(alpha)
        return cls(rgb, alpha, own_alpha(picture), estimate_colours(rgb, alpha))

    @property
    def parts(self) -> tuple[Bytes, Bytes, Bytes, NDArray[np.float32], tuple[int, int, int]]:
        """All that its kernels take."""
        return self.rgb, self.alpha, self.own, self.colours.cells, self.colours.grid

    def write(self, top: int, left: int, out: Bytes) -> None:
        """Write h×w×4, the part of the cut-out that begins at a place."""
        composing.cut_out(*self.parts, top, left, out)

    def lay_over(self, rgb: Colour) -> Bytes:
        """Return H×W×3, the cut-out over an opaque colour: a ground of one block."""
        ground = np.array([[(*rgb, 0)]], np.float32)
        result = np.empty_like(self.rgb)
        laying.lay_over_ground(*self.parts, ground, max(self.alpha.shape), result)
        return result
