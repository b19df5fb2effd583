"""How is a cut-out cropped: tightly round what is visible, with room added exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.regions import fill_parts, find_parts
from inference.picture import Picture
from inference.steps.compose import Place, cut_out
from inference.steps.mask import SURE, find_box
from protocol.errors import Constraint, InvalidParameter, NoForegroundDetected

Bytes = NDArray[np.uint8]

MAX_SIDE = 16_384
MAX_PIXELS = 50_000_000

_FAINT = 12  # a network's alpha up to this is haze, not subject
_SPECK_SHARE = 0.001  # of the largest sure part: what is smaller is a speck


def clear_haze(mask: Bytes) -> Bytes:
    """Set to 0 what a network's mask has outside its subject: haze and faint specks.

    A crop follows the last visible pixel, so one speck would spoil it. Where the mask is sure
    nowhere, nothing of it stays.
    """
    visible = (mask > _FAINT).view(np.uint8)
    visible *= mask
    runs, sizes, peaks = find_parts(visible, _FAINT + 1, 255)
    is_sure = peaks >= SURE
    is_speck = ~is_sure | (sizes < _SPECK_SHARE * sizes[is_sure].max(initial=0))
    if is_speck.any():
        fill_parts(visible, runs, is_speck.view(np.uint8), 0, 0, 0, 0)
    return visible


def trim(picture: Picture) -> Picture:
    """Drop what is transparent all round a picture; one without an alpha, or all clear, stays.

    A network that sees an opaque card on the ground it was flattened on takes the card for the
    subject, not what is shown on it.
    """
    box = None if picture.alpha is None else find_box(picture.alpha)
    if box is None or picture.alpha is None:
        return picture
    place = np.s_[box.top : box.bottom, box.left : box.right]
    return Picture(
        np.ascontiguousarray(picture.rgb[place]), np.ascontiguousarray(picture.alpha[place])
    )


def crop_subject(picture: Picture, alpha: Bytes, padding: int = 0) -> Picture:
    """Cut out the subject and crop to its visible pixels, `padding` more on each side.

    Raises:
        NoForegroundDetected: nothing is visible.
        InvalidParameter: the padded canvas would be too large; names `padding`.
    """
    box = find_box(alpha)
    if box is None:
        raise NoForegroundDetected("No foreground was detected in the picture.")
    width, height = box.width + 2 * padding, box.height + 2 * padding
    _check_canvas(box.width, box.height, padding)
    return cut_out(picture, alpha, Place(box.left - padding, box.top - padding, width, height))


def _check_canvas(width: int, height: int, padding: int) -> None:
    largest = max_padding(width, height)
    if padding <= largest:
        return
    raise InvalidParameter(
        f"padding {padding} would make a picture of {width + 2 * padding} x "
        f"{height + 2 * padding} pixels; at most {MAX_SIDE:,} a side and {MAX_PIXELS:,} in all are "
        f"allowed, so at most {largest} here.",
        parameter="padding",
        constraint=Constraint(type="integer", min=0, max=largest, default=0),
    )


def max_padding(width: int, height: int) -> int:
    """Return the largest padding that a crop of this size may have."""
    by_side = (MAX_SIDE - max(width, height)) // 2
    low, high = 0, max(0, by_side)
    while low < high:
        middle = (low + high + 1) // 2
        if (width + 2 * middle) * (height + 2 * middle) <= MAX_PIXELS:
            low = middle
        else:
            high = middle - 1
    return low
