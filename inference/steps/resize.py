"""How are pictures and masks brought to another size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.kernels.resampling import average

# The picture is first shrunk by whole numbers (a box), to no less than so many times the size.
_REDUCING_GAP = 1.5
_STRIP_PIXELS = 1 << 18  # Pillow copies what it gets and holds the GIL meanwhile: for 0.1 ms


def resize_rgb(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize H×W×3 uint8 to height×width×3 uint8, averaging when it shrinks."""
    return _resize(rgb, width, height)


def shrink(pixels: NDArray[np.uint8], across: int, down: int) -> NDArray[np.uint8]:
    """Average blocks of an H×W or H×W×3 picture; the last of a row or column may be narrower."""
    if across == down == 1:
        return pixels
    height, width = pixels.shape[:2]
    size = -(-height // down), -(-width // across)
    result = np.empty((*size, *pixels.shape[2:]), np.uint8)
    rows = max(1, _STRIP_PIXELS // (width * down))
    for top in range(0, size[0], rows):
        strip = Image.fromarray(pixels[top * down : (top + rows) * down])
        result[top : top + rows] = np.asarray(strip.reduce((across, down)))
    return result


def average_rgb(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Shrink H×W×3 to height×width×3: the mean of all whose centres lie under each pixel.

    Where a side grows, both are bilinear.
    """
    if (rgb.shape[0], rgb.shape[1]) == (height, width) or (
        rgb.shape[0] < height or rgb.shape[1] < width
    ):
        return resize_rgb(rgb, width, height)
    return average(np.ascontiguousarray(rgb), width, height)


def resize_mask(mask: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize an H×W uint8 mask to height×width, bilinear; it never leaves the mask's range."""
    return _resize(mask, width, height)


def _resize(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    tall, wide = pixels.shape[:2]
    if (tall, wide) == (height, width):
        return pixels
    across = max(1, int(wide / (width * _REDUCING_GAP)))
    down = max(1, int(tall / (height * _REDUCING_GAP)))
    image = Image.fromarray(shrink(pixels, across, down))
    box = (0, 0, wide / across, tall / down)
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box=box), np.uint8)


def resize_plane(plane: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Resize an h×w float32 plane to height×width, bilinear; it never leaves the plane's range."""
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32)
