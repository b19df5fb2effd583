"""The format is what the first bytes say."""

from __future__ import annotations

import pytest

from inference.coding import PictureLimits, probe
from protocol.errors import ImageTooLarge, MalformedImage, UnsupportedImageType

LIMITS = PictureLimits()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"GIF89a" + bytes(20), "GIF"),
        (b"BM" + bytes(60), "BMP"),
        (b"II*\0" + bytes(20), "TIFF"),
        (b"\0\0\0\x20ftypavif" + bytes(60), "AVIF"),
        (b"\0\0\0\x18ftypheic" + bytes(60), "HEIC"),
        (b"%PDF-1.7\n", "PDF"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "SVG"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"PK\x03\x04" + bytes(60), "ZIP"),
    ],
)
def test_another_format_is_named_and_refused(data: bytes, name: str) -> None:
    with pytest.raises(UnsupportedImageType, match=f"^maskImage looks like {name}; only PNG"):
        probe(data, parameter="maskImage", limits=LIMITS)


def test_the_error_carries_parameter_and_allowed_values() -> None:
    with pytest.raises(UnsupportedImageType) as caught:
        probe(b"?" * 40, parameter="maskImage", limits=LIMITS)
    assert caught.value.parameter == "maskImage"
    assert caught.value.constraint.allowed_values == ["PNG", "JPEG", "WEBP"]


def test_no_bytes_are_malformed() -> None:
    with pytest.raises(MalformedImage, match="empty"):
        probe(b"", parameter="inputImage", limits=LIMITS)


def test_too_many_bytes_are_refused_before_they_are_looked_at() -> None:
    with pytest.raises(ImageTooLarge, match="has 101 bytes; at most 100 are allowed"):
        probe(b"?" * 101, parameter="inputImage", limits=PictureLimits(limit_bytes=100))
