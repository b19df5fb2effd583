"""Size and format are read from the header alone, and refused before anything is decoded."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from inference.coding import Header, PictureLimits, probe
from protocol.errors import ImageTooLarge, MalformedImage

LIMITS = PictureLimits()


def saved(kind: str, size: tuple[int, int] = (7, 5), mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **options)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    length = struct.pack(">I", 13)
    return b"\x89PNG\r\n\x1a\n" + length + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (saved("PNG"), "PNG"),
        (saved("JPEG"), "JPEG"),
        (saved("JPEG", progressive=True), "JPEG"),
        (saved("WEBP"), "WEBP"),
        (saved("WEBP", lossless=True), "WEBP"),
        (saved("WEBP", mode="RGBA", exact=True, icc_profile=b"x"), "WEBP"),
    ],
)
def test_every_form_of_header_is_read(data: bytes, kind: str) -> None:
    assert probe(data, parameter="inputImage", limits=LIMITS) == Header(kind, 7, 5)  # type: ignore[arg-type]


def test_jpeg_segments_and_fill_bytes_before_the_frame_are_skipped() -> None:
    data = saved("JPEG")
    padded = data[:2] + b"\xff\xff\xff\xe5\x00\x04ab" + data[2:]
    assert probe(padded, parameter="inputImage", limits=LIMITS).width == 7


def test_a_long_side_is_refused_with_limit_and_size() -> None:
    with pytest.raises(ImageTooLarge, match="20000 x 1 pixels; at most 16,384 a side") as caught:
        probe(png_header(20_000, 1), parameter="inputImage", limits=LIMITS)
    assert caught.value.constraint.max == 16_384


def test_too_many_pixels_are_refused_with_limit_and_size() -> None:
    with pytest.raises(ImageTooLarge, match=r"64,000,000 pixels .8000 x 8000.; at most 50,000,000"):
        probe(png_header(8000, 8000), parameter="inputImage", limits=LIMITS)


def test_the_limits_themselves_are_allowed() -> None:
    assert probe(png_header(10_000, 5_000), parameter="inputImage", limits=LIMITS).height == 5_000
    assert probe(png_header(16_384, 3_000), parameter="inputImage", limits=LIMITS).width == 16_384


def test_an_empty_picture_is_malformed() -> None:
    with pytest.raises(MalformedImage, match="0 x 5 pixels"):
        probe(png_header(0, 5), parameter="inputImage", limits=LIMITS)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("length", [12, 16, 20])
def test_a_cut_header_is_malformed(kind: str, length: int) -> None:
    with pytest.raises(MalformedImage, match=r"^inputImage "):
        probe(saved(kind)[:length], parameter="inputImage", limits=LIMITS)


def test_a_webp_canvas_is_refused_before_a_decoder_allocates_it() -> None:
    header = struct.pack("<I", 16_383 | 16_383 << 14)
    chunk = b"VP8L" + struct.pack("<I", 10) + b"\x2f" + header + bytes(5)
    data = b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
    with pytest.raises(ImageTooLarge, match="16384 x 16384"):
        probe(data, parameter="inputImage", limits=LIMITS)


def test_a_jpeg_of_too_many_scans_is_refused() -> None:
    data = saved("JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(MalformedImage, match="at most 64 are allowed"):
        probe(data[:-2] + scan * 100 + data[-2:], parameter="inputImage", limits=LIMITS)
