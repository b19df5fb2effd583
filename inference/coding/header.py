"""How large is an image, from its header alone: no decoder runs and nothing is allocated.

Pillow reads headers too, but its WEBP reader allocates two whole canvases while it opens a file, so
the size must be known, and refused, before Pillow sees the bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from inference.coding.limits import PictureLimits
from inference.coding.sniffing import InputFormat, sniff
from protocol.errors import MalformedImage

# libjpeg walks every pixel once per scan: 12 MB hold 100,000 scans. Real files have 1 to 20.
_LIMIT_SCANS = 64
_LIMIT_SEGMENTS = 5_000
_NO_FRAMES = {0xC4, 0xC8, 0xCC}  # in SOF's range, but tables and extensions
_STANDALONE = {0x01, *range(0xD0, 0xD9)}


@dataclass(frozen=True, slots=True)
class Header:
    """What an image says about itself: its format and its size as stored, before orientation."""

    format: InputFormat
    width: int
    height: int


def probe(data: bytes, *, parameter: str, limits: PictureLimits) -> Header:
    """Read the header, refusing what `decode` would refuse by format, size or missing header."""
    limits.check_bytes(len(data), parameter=parameter)
    found = sniff(data, parameter=parameter)
    try:
        width, height = _SIZES[found](data)
    except (ValueError, IndexError, struct.error) as exc:
        raise MalformedImage(
            f"{parameter} starts like a {found} file, but its header is broken.",
            parameter=parameter,
            detail=repr(exc),
        ) from exc
    if width == 0 or height == 0:
        raise MalformedImage(
            f"{parameter} is {width} x {height} pixels; at least 1 x 1 is needed.",
            parameter=parameter,
        )
    limits.check_size(width, height, parameter=parameter)
    if found == "JPEG":
        _check_scans(data, parameter)
    return Header(found, width, height)


def _png_size(data: bytes) -> tuple[int, int]:
    length, kind, width, height = struct.unpack_from(">I4sII", data, 8)
    if kind != b"IHDR" or length != 13:
        raise ValueError("IHDR is not the first chunk")
    return width, height


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return _uint24(data, 24) + 1, _uint24(data, 27) + 1
    if kind == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("no VP8, VP8L or VP8X chunk comes first")


def _uint24(data: bytes, offset: int) -> int:
    return data[offset] | data[offset + 1] << 8 | data[offset + 2] << 16


def _jpeg_size(data: bytes) -> tuple[int, int]:
    position = 2
    for _ in range(_LIMIT_SEGMENTS):
        marker, position = _next_marker(data, position)
        if marker in _STANDALONE:
            continue
        if marker in (0xD9, 0xDA):
            raise ValueError("pixels begin before the frame header")
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES:
            height, width = struct.unpack_from(">HH", data, position + 3)
            return width, height
        (length,) = struct.unpack_from(">H", data, position)
        position += max(length, 2)
    raise ValueError("too many segments")


def _check_scans(data: bytes, parameter: str) -> None:
    scans = data.count(b"\xff\xda")
    if scans > _LIMIT_SCANS:
        raise MalformedImage(
            f"{parameter} is a JPEG of {scans:,} scans; at most {_LIMIT_SCANS} are allowed.",
            parameter=parameter,
        )


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    """Skip junk and fill bytes as Pillow does; return the marker and where its segment starts."""
    position = data.index(b"\xff", position) + 1
    while data[position] in (0x00, 0xFF):
        position = position + 1 if data[position] else data.index(b"\xff", position) + 1
    return data[position], position + 1


_SIZES = {"PNG": _png_size, "JPEG": _jpeg_size, "WEBP": _webp_size}
