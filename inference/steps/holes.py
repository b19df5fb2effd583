"""What is to be erased: the hole that a mask makes in a picture, and what may not fill it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.picture import Picture
from inference.steps.compose import flatten
from inference.steps.mask import find_box
from inference.steps.morphology import Flags, grow
from protocol.errors import InvalidParameter

Bytes = NDArray[np.uint8]
Window = tuple[slice, slice]
"""Rows and columns of a picture."""

_BLACK = (0, 0, 0)
_WHITE_FROM = 128
_RATIO_ERROR = 0.01
_GROWTH = 0.01  # of the hole's longer side
_MARGIN_SHARE, _MARGIN = 0.75, 48


@dataclass(frozen=True, slots=True)
class Hole:
    """H×W: `inside` is to be painted; nothing may be taken from `blocked`, which includes it."""

    inside: Flags
    blocked: Flags


def make_hole(picture: Picture, mask: Picture, is_drawn: bool) -> Hole | None:
    """Read a mask, white is inside; None where nothing is white.

    Around a mask drawn by hand, what it missed of the object must not fill the hole either.

    Raises:
        InvalidParameter: the mask's sides have another ratio, or it leaves nothing; `maskImage`.
    """
    _check_ratio(picture, mask)
    inside = _scaled(mask, picture.width, picture.height)
    if not inside.any():
        return None
    if inside.all():
        raise InvalidParameter(
            "maskImage is white all over; some of the picture must stay, to fill the rest from.",
            parameter="maskImage",
        )
    blocked = _grown(inside) if is_drawn else inside
    if picture.alpha is not None:
        blocked = blocked | (picture.alpha == 0)
    return Hole(inside, inside if blocked.all() else blocked)


def write_hole(rgb: Bytes, hole: Hole, painted: Bytes) -> Bytes:
    """Take the painted pixels inside the hole, and the picture's own everywhere else."""
    return np.where(hole.inside[..., np.newaxis], painted, rgb)


def find_window(inside: Flags, margin: int | None = None) -> Window:
    """Return the part of a picture that holds the hole and `margin` pixels, or enough, around."""
    box = find_box(inside.view(np.uint8))
    assert box is not None
    if margin is None:
        margin = max(_MARGIN, round(_MARGIN_SHARE * max(box.width, box.height)))
    height, width = inside.shape
    return (
        slice(max(0, box.top - margin), min(height, box.bottom + margin)),
        slice(max(0, box.left - margin), min(width, box.right + margin)),
    )


def _check_ratio(picture: Picture, mask: Picture) -> None:
    width, height = picture.width, picture.height
    if abs(width * mask.height - height * mask.width) <= _RATIO_ERROR * height * mask.width:
        return
    raise InvalidParameter(
        f"maskImage is {mask.width} x {mask.height} pixels and inputImage {width} x {height}; "
        "both must have the same size, or the same ratio of sides within 1 %.",
        parameter="maskImage",
    )


def _scaled(mask: Picture, width: int, height: int) -> Flags:
    grey = Image.fromarray(flatten(mask, _BLACK).rgb).convert("L")
    if grey.size != (width, height):
        grey = grey.resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(grey) >= _WHITE_FROM


def _grown(inside: Flags) -> Flags:
    box = find_box(inside.view(np.uint8))
    assert box is not None
    return grow(inside, max(1, round(_GROWTH * max(box.width, box.height))))
