"""Any bytes as an image: a picture of the size that its header told, or one of our errors."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms

from inference.coding import PictureLimits, decode, encode, probe
from inference.picture import Picture
from protocol.errors import ImageError, OutOfMemory

LIMITS = PictureLimits(limit_bytes=1_000_000, limit_pixels=1_000_000, limit_side=4096)


def run(data: bytes) -> None:
    """Decode; what decodes is encoded without loss and must come back the same."""
    with contextlib.suppress(ImageError, OutOfMemory):
        _check(decode(data, parameter="inputImage", limits=LIMITS), data)


def _check(picture: Picture, data: bytes) -> None:
    header = probe(data, parameter="inputImage", limits=LIMITS)
    assert sorted((picture.width, picture.height)) == sorted((header.width, header.height))
    again = decode(encode(picture, format="PNG"), parameter="inputImage", limits=LIMITS)
    assert (again.rgb == picture.rgb).all()
    assert (again.alpha is None) == (picture.alpha is None)


def seeds() -> Iterator[bytes]:
    """Small images of every kind."""
    noise = np.random.default_rng(5).integers(0, 256, (9, 11, 4), np.uint8)
    rgb, rgba = Image.fromarray(noise[..., :3].copy()), Image.fromarray(noise)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    for image, kind, options in (
        (rgba, "PNG", {}),
        (rgb, "PNG", {"exif": exif, "icc_profile": profile}),
        (rgb.convert("P"), "PNG", {"transparency": 3}),
        (rgb.convert("1"), "PNG", {}),
        (Image.fromarray(noise[..., 0].astype(np.uint16) * 257), "PNG", {}),
        (rgba, "PNG", {"save_all": True, "append_images": [rgba]}),
        (rgb, "JPEG", {"exif": exif, "icc_profile": profile}),
        (rgb, "JPEG", {"progressive": True}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb.convert("L"), "JPEG", {}),
        (rgba, "WEBP", {"lossless": True}),
        (rgb, "WEBP", {"exif": exif}),
        (rgba, "WEBP", {"save_all": True, "append_images": [rgb]}),
    ):
        out = io.BytesIO()
        image.save(out, kind, **options)
        yield out.getvalue()
