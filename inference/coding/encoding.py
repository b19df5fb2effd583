"""How do pictures and masks become PNG, JPG or WEBP bytes: the same bytes each time."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.coding.colour import srgb_profile
from inference.coding.fastpng import write_png
from inference.coding.layout import to_image
from inference.picture import Picture
from protocol.errors import ResultTooLarge

OutputFormat = Literal["PNG", "JPG", "WEBP"]

_LIMIT_WEBP_SIDE = 16_383  # 14 bits in the format
_FULL_CHROMA_QUALITY = 90


def encode(
    picture: Picture,
    *,
    format: OutputFormat,  # noqa: A002  the field of the wire, by keyword only
    quality: int = 95,
    lossless: bool = False,
) -> bytes:
    """Encode a picture; `quality` 1–100 counts for JPG and lossy WEBP, `lossless` for WEBP.

    JPG has no alpha: flatten the picture first (ValueError). Raises ResultTooLarge for WEBP.
    """
    if format == "PNG":
        return _png(picture.rgb, picture.alpha)
    if format == "JPG":
        if picture.alpha is not None:
            raise ValueError("a picture with alpha must be flattened before it is saved as JPG")
        return _jpg(picture.rgb, quality)
    return _webp(picture, quality, lossless)


def encode_mask(
    mask: NDArray[np.uint8],
    *,
    format: OutputFormat = "PNG",  # noqa: A002
    quality: int = 95,
) -> bytes:
    """Encode an H×W uint8 mask as 8-bit grey (WEBP, which has no grey, stores it lossless)."""
    if format == "PNG":
        return _png(mask, None)
    if format == "JPG":
        return _jpg(mask, quality)
    return _webp(Picture(np.repeat(mask[..., np.newaxis], 3, axis=2)), quality, lossless=True)


def _png(colours: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> bytes:
    try:
        return write_png(colours, alpha)
    except ImportError:  # isal has wheels for Linux and macOS; elsewhere zlib does, 8 times slower
        return _pillow_png(colours, alpha)


def _pillow_png(colours: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> bytes:
    return _save(to_image(colours, alpha), "PNG", compress_level=1)


def _jpg(colours: NDArray[np.uint8], quality: int) -> bytes:
    # 4:4:4 where quality is asked for; a grey picture carries no RGB profile.
    subsampling = 0 if quality >= _FULL_CHROMA_QUALITY else 2
    if colours.ndim == 2:
        return _save(to_image(colours), "JPEG", quality=quality)
    return _save(
        to_image(colours),
        "JPEG",
        quality=quality,
        subsampling=subsampling,
        icc_profile=srgb_profile(),
    )


def _webp(picture: Picture, quality: int, lossless: bool) -> bytes:
    if max(picture.width, picture.height) > _LIMIT_WEBP_SIDE:
        raise ResultTooLarge(
            f"The result is {picture.width} x {picture.height} pixels; WEBP allows at most "
            f"{_LIMIT_WEBP_SIDE:,} a side. Ask for PNG instead.",
            parameter="outputFormat",
        )
    image = to_image(picture.rgb, picture.alpha)
    # Lossless, `quality` means effort: 0 is the fastest. `exact` keeps colours under alpha 0.
    return _save(
        image,
        "WEBP",
        method=0,
        quality=0 if lossless else quality,
        lossless=lossless,
        exact=picture.alpha is not None,
        icc_profile=srgb_profile(),
    )


def _save(image: Image.Image, kind: str, **options: object) -> bytes:
    # Each call saves an image of its own: save() parks its options on the object, so one image
    # saved by two threads mixes them up.
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
