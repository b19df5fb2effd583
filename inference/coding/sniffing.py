"""Which format do bytes have, by their first bytes alone; never by a name or a declared type."""

from __future__ import annotations

from typing import Literal

from protocol.errors import Constraint, MalformedImage, UnsupportedImageType

InputFormat = Literal["PNG", "JPEG", "WEBP"]

_ALLOWED = Constraint(allowed_values=["PNG", "JPEG", "WEBP"])

# What people send by mistake, to say so by name: (offset, magic bytes, name).
_FOREIGN: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"\0\0\1\0", "ICO"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"8BPS", "PSD"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"PK\3\4", "ZIP"),
    (0, b"\x1f\x8b", "gzip"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftyp", "video"),
)
_MARKUP = ((b"<svg", "SVG"), (b"<!doctype html", "HTML"), (b"<html", "HTML"), (b"<?xml", "XML"))


def sniff(data: bytes, *, parameter: str) -> InputFormat:
    """Name the format of `data`, or raise UnsupportedImageType (MalformedImage for no bytes)."""
    if not data:
        raise MalformedImage(f"{parameter} is empty.", parameter=parameter)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8"):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    found = _recognise(data)
    said = f"looks like {found}" if found else "is no image that we know"
    raise UnsupportedImageType(
        f"{parameter} {said}; only PNG, JPEG and WEBP are allowed.",
        parameter=parameter,
        constraint=_ALLOWED,
    )


def _recognise(data: bytes) -> str | None:
    for offset, magic, name in _FOREIGN:
        if data.startswith(magic, offset):
            return name
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<") and b"<svg" in start:
        return "SVG"
    return next((name for magic, name in _MARKUP if start.startswith(magic)), None)
