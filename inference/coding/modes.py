"""How does any pixel mode become colours of L, RGB or CMYK, and a straight alpha."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_COLOUR_MODES = {"1": "L", "L": "L", "LA": "L", "I;16": "L", "CMYK": "CMYK"}


@dataclass(frozen=True, slots=True)
class Transparency:
    """What an image says about transparency outside its pixels (PNG's tRNS chunk)."""

    key: tuple[int, ...] | None = None
    """The one colour that is transparent, in the samples that `split` compares: L, I;16 or RGB."""
    in_palette: bool = False


def read_transparency(image: Image.Image, bits: int) -> Transparency:
    """Read an opened image's transparency; `bits` is the depth of its samples as stored."""
    value = image.info.get("transparency")
    if value is None:
        return Transparency()
    if image.mode == "P":
        return Transparency(in_palette=True)
    if isinstance(value, int):
        # Pillow widens grey of 1 to 4 bits to 8, but not the key; it gives 0 or 255 for 1 bit.
        scale = 255 // ((1 << bits) - 1) if image.mode == "L" and bits < 8 else 1
        return Transparency(key=(value * scale,))
    # Pillow keeps the high bytes of 16-bit colours only; the key is compared with those.
    return Transparency(key=tuple(sample >> 8 if bits == 16 else sample for sample in value))


def colour_mode(mode: str) -> str:
    """Name the mode of the colours that `split` returns for an image of `mode`."""
    return _COLOUR_MODES.get(mode, "RGB")


def split(
    image: Image.Image, transparency: Transparency
) -> tuple[Image.Image, NDArray[np.uint8] | None]:
    """Split an image into colours (L, RGB or CMYK) and alpha (None where all is opaque)."""
    if image.mode == "P":
        image = image.convert("RGBA" if transparency.in_palette else "RGB")
    if image.mode in ("LA", "RGBA"):
        alpha = np.asarray(image.getchannel("A"))
        return image.convert(colour_mode(image.mode)), alpha
    alpha_of_key = None if transparency.key is None else _alpha_of_key(image, transparency.key)
    if image.mode == "I;16":
        return Image.fromarray(_narrow(np.asarray(image))), alpha_of_key
    wanted = colour_mode(image.mode)
    return (image if image.mode == wanted else image.convert(wanted)), alpha_of_key


def _narrow(samples: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Scale 0..65535 to 0..255, rounded."""
    return ((samples.astype(np.uint32) * 255 + 32_895) >> 16).astype(np.uint8)


def _alpha_of_key(image: Image.Image, key: tuple[int, ...]) -> NDArray[np.uint8]:
    if image.mode == "1":
        image = image.convert("L")
    samples = np.asarray(image)
    if samples.ndim == 2:
        return np.where(samples == key[0], np.uint8(0), np.uint8(255))
    same = samples[..., 0] == key[0]
    for band in range(1, 3):
        same &= samples[..., band] == key[band]
    return np.where(same, np.uint8(0), np.uint8(255))
