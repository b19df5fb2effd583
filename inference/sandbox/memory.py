"""What do the service and one decoding process share? A file on its way in, pixels on theirs out.

    | colours: 3 bytes a pixel | alpha: 1 byte a pixel | … up to limit_pixels | the image file |

The size is sealed: a process that shrank it would end whoever reads what is gone. Pages that were
never written take no memory.
"""

from __future__ import annotations

import fcntl
import mmap
import os

import numpy as np
from numpy.typing import NDArray

from inference.coding import PictureLimits
from inference.picture import Picture
from inference.sandbox.messages import Decoded

_KEPT_BYTES = 32 << 20  # 8 megapixels: what a larger image took is given back


class SharedMemory:
    """The memory that a descriptor stands for, as both sides see it."""

    def __init__(self, descriptor: int, limits: PictureLimits) -> None:
        self._pixels_bytes = _whole_pages(4 * limits.limit_pixels)
        self._map = mmap.mmap(descriptor, memory_size(limits))

    def put_file(self, data: bytes) -> None:
        """Write the image file."""
        self._map[self._pixels_bytes : self._pixels_bytes + len(data)] = data

    def file(self, size: int) -> bytes:
        """Read the image file."""
        return self._map[self._pixels_bytes : self._pixels_bytes + size]

    def put_picture(self, picture: Picture) -> Decoded:
        """Write the pixels; return what they are."""
        height, width = picture.rgb.shape[:2]
        self._colours(width, height)[:] = picture.rgb
        if picture.alpha is not None:
            self._alpha(width, height)[:] = picture.alpha
        return Decoded(width, height, picture.alpha is not None)

    def take_picture(self, found: Decoded) -> Picture:
        """Copy the pixels, since the process may go on writing. Raises ValueError beyond bounds."""
        width, height = found.width, found.height
        if min(width, height) < 1 or 4 * width * height > self._pixels_bytes:
            raise ValueError(f"{width} x {height} pixels")
        rgb = self._colours(width, height).copy()
        alpha = self._alpha(width, height).copy() if found.has_alpha else None
        if 4 * width * height > _KEPT_BYTES:
            self._map.madvise(mmap.MADV_REMOVE, 0, self._pixels_bytes)
        return Picture(rgb, alpha)

    def close(self) -> None:
        """Give the memory back."""
        self._map.close()

    def _colours(self, width: int, height: int) -> NDArray[np.uint8]:
        return self._view(0, 3 * width * height).reshape(height, width, 3)

    def _alpha(self, width: int, height: int) -> NDArray[np.uint8]:
        pixels = width * height
        return self._view(3 * pixels, pixels).reshape(height, width)

    def _view(self, start: int, size: int) -> NDArray[np.uint8]:
        return np.frombuffer(self._map, np.uint8, size, start)


def memory_size(limits: PictureLimits) -> int:
    """Count the bytes that an image within the limits may need."""
    return _whole_pages(4 * limits.limit_pixels) + _whole_pages(limits.limit_bytes)


def make_memory(limits: PictureLimits) -> int:
    """Make memory of a fixed size; return its descriptor."""
    descriptor = os.memfd_create("pictures", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, memory_size(limits))
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return descriptor


def _whole_pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
