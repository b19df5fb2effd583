"""How are pictures and masks brought to another size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.kernels.resampling import MOST_ROWS, average
from inference.kernels.resizing import resize


def resize_rgb(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize H×W×3 uint8 to height×width×3 uint8, averaging when it shrinks."""
    return resize(rgb, width, height, "bilinear")


def average_rgb(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Shrink H×W×3 to height×width×3: the mean of all whose centres lie under each pixel.

    Where a side grows, or the height shrinks beyond measure, both are bilinear.
    """
    tall, wide = rgb.shape[:2]
    if (tall, wide) == (height, width) or not height <= tall <= height * MOST_ROWS or wide < width:
        return resize_rgb(rgb, width, height)
    return average(np.ascontiguousarray(rgb), width, height)


def resize_mask(mask: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize an H×W uint8 mask to height×width, bilinear; it never leaves the mask's range."""
    return resize(mask, width, height, "bilinear")


def resize_plane(plane: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Resize an h×w float32 plane to height×width, bilinear; it never leaves the plane's range."""
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32)
