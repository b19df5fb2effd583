"""How do the bytes of an image become an upright sRGB picture, within bounds.

Pixels leave Pillow in strips of rows: each strip is turned upright, brought to sRGB and written
into the picture, so that only Pillow's image and ours are alive at full size.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.coding.chunks import keep_picture
from inference.coding.colour import srgb_transform
from inference.coding.header import Header, probe
from inference.coding.limits import PictureLimits
from inference.coding.modes import colour_mode, read_transparency, split
from inference.picture import Picture
from protocol.errors import CutwireError, ImageTooLarge, MalformedImage, OutOfMemory

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FROM_THE_END = {3, 4, 6, 7}  # the stored first row lands at the bottom or on the right
_ON_ITS_SIDE = {5, 6, 7, 8}
_STRIP_PIXELS = 1 << 18


def decode(data: bytes, *, parameter: str, limits: PictureLimits) -> Picture:
    """Decode a PNG, JPEG or WEBP, its first frame. Raises an ImageError or OutOfMemory."""
    header = probe(data, parameter=parameter, limits=limits)
    with _named(parameter, header):
        profile = None
        kept = data
        if header.format == "PNG":
            kept, profile = keep_picture(data)
        with Image.open(io.BytesIO(kept), formats=[header.format]) as image:
            limits.check_size(image.width, image.height, parameter=parameter)
            image.load()
            bits = data[24] if header.format == "PNG" else 8
            return _read(image, profile or image.info.get("icc_profile"), bits)


@contextmanager
def _named(parameter: str, header: Header) -> Iterator[None]:
    """Give every failure of a decoder its name in our hierarchy."""
    try:
        yield
    except CutwireError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise ImageTooLarge(
            f"{parameter} has more pixels than the decoder allows.",
            parameter=parameter,
            detail=repr(exc),
        ) from exc
    except MemoryError as exc:
        raise OutOfMemory(
            f"There was not enough memory to decode {parameter} "
            f"({header.width} x {header.height} pixels).",
            parameter=parameter,
        ) from exc
    except Exception as exc:  # Pillow raises anything at all on hostile bytes
        raise MalformedImage(
            f"{parameter} looks like {header.format}, but cannot be decoded: "
            "it is damaged or incomplete.",
            parameter=parameter,
            detail=repr(exc),
        ) from exc


def _read(image: Image.Image, profile: bytes | None, bits: int) -> Picture:
    orientation = _orientation(image)
    transparency = read_transparency(image, bits)
    to_srgb = srgb_transform(profile, colour_mode(image.mode))
    sideways = orientation in _ON_ITS_SIDE
    width, height = (image.height, image.width) if sideways else image.size
    rgb = np.empty((height, width, 3), np.uint8)
    alpha: NDArray[np.uint8] | None = None
    for top, bottom in _strips(image):
        strip = image.crop((0, top, image.width, bottom))
        if orientation != 1:
            strip = strip.transpose(_TURNS[orientation])
        colours, strip_alpha = split(strip, transparency)
        first, last = top, bottom
        if orientation in _FROM_THE_END:
            first, last = image.height - bottom, image.height - top
        place = np.s_[:, first:last] if sideways else np.s_[first:last]
        rgb[place] = np.asarray(to_srgb(colours))
        if strip_alpha is not None:
            alpha = np.empty((height, width), np.uint8) if alpha is None else alpha
            alpha[place] = strip_alpha
    if alpha is not None and alpha.min() == 255:
        alpha = None
    return Picture(rgb, alpha)


def _strips(image: Image.Image) -> Iterator[tuple[int, int]]:
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, min(top + rows, image.height)


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  broken EXIF is only a lost hint
        return 1
    return found if isinstance(found, int) and found in _TURNS else 1
