"""How do an image's colours become sRGB: its ICC profile, where it has a sound one."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

ToSRGB = Callable[[Image.Image], Image.Image]

_LIMIT_PROFILE_BYTES = 4 << 20
_MODES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}


def srgb_transform(profile: bytes | None, mode: str) -> ToSRGB:
    """Return what brings L, RGB or CMYK pixels to sRGB; a broken or unfit profile is ignored."""
    if profile is None or not 128 <= len(profile) <= _LIMIT_PROFILE_BYTES:
        return _as_is
    try:
        return _profile_transform(profile, mode)
    except Exception:  # noqa: BLE001  a broken profile must never refuse a readable picture
        return _as_is


def srgb_profile() -> bytes:
    """Return a small sRGB profile, the same bytes each time."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = b"\x07\xe8\0\x01\0\x01\0\0\0\0\0\0"  # lcms writes the time of day here
    profile[84:100] = bytes(16)  # and here an MD5 over it; zero means "not computed"
    return bytes(profile)


def _as_is(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _profile_transform(profile: bytes, mode: str) -> ToSRGB:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    wanted = _MODES[source.profile.xcolor_space]
    if wanted != mode and (mode, wanted) != ("L", "RGB"):
        return _as_is
    # Optimising takes lcms 3 ms, which most profiles do not need: they are sRGB already.
    exact = _transform(source, wanted, ImageCms.Flags.NOOPTIMIZE)
    if wanted == "RGB" and _changes_nothing(exact):
        return _as_is
    return _transform(source, wanted, ImageCms.Flags.NONE)


def _transform(source: ImageCms.ImageCmsProfile, mode: str, flags: ImageCms.Flags) -> ToSRGB:
    target = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(source, target, mode, "RGB", flags=flags)

    def to_srgb(image: Image.Image) -> Image.Image:
        return transform.apply(image if image.mode == mode else image.convert(mode))

    return to_srgb


def _changes_nothing(to_srgb: ToSRGB) -> bool:
    """Say whether no colour of a lattice moves by more than one level: sRGB under any name."""
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    lattice = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    moved = np.asarray(to_srgb(Image.fromarray(lattice))).astype(np.int16) - lattice
    return int(np.abs(moved).max()) <= 1
