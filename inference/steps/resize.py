"""How are pictures and masks brought to another size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Pillow first shrinks by whole numbers (a box), down to twice the size, then filters the rest.
_REDUCING_GAP = 2.0


def resize_rgb(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize H×W×3 uint8 to height×width×3 uint8, averaging when it shrinks."""
    if rgb.shape[:2] == (height, width):
        return rgb
    image = Image.fromarray(rgb)
    size = (width, height)
    return np.asarray(
        image.resize(size, Image.Resampling.BILINEAR, reducing_gap=_REDUCING_GAP), np.uint8
    )


def network_input(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Squash H×W×3 uint8 to the side×side×3 uint8 that a network takes."""
    return resize_rgb(rgb, side, side)


def resize_mask(mask: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize an H×W uint8 mask to height×width, bilinear; it never leaves the mask's range."""
    if mask.shape == (height, width):
        return mask
    image = Image.fromarray(mask)
    size = (width, height)
    return np.asarray(
        image.resize(size, Image.Resampling.BILINEAR, reducing_gap=_REDUCING_GAP), np.uint8
    )


def resize_plane(plane: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Resize an h×w float32 plane to height×width, bilinear; it never leaves the plane's range."""
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32)
