"""Any PNG, JPEG or WEBP becomes upright sRGB with a straight alpha, or fails by name."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from inference.coding import PictureLimits, decode
from inference.picture import Picture
from protocol.errors import CutwireError, MalformedImage, OutOfMemory

LIMITS = PictureLimits()
RAMP = np.arange(16, dtype=np.uint8).reshape(4, 4) * 17


def read(data: bytes) -> Picture:
    return decode(data, parameter="inputImage", limits=LIMITS)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int, colour: int, rows: list[bytes], *more: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + pixels + chunk(b"IEND", b"")


def grey(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(samples[..., np.newaxis], 3, axis=2)


def test_rgb_comes_back_bit_by_bit() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    for data in (
        saved(Image.fromarray(pixels)),
        saved(Image.fromarray(pixels), "WEBP", lossless=True),
    ):
        assert (read(data).rgb == pixels).all()
        assert read(data).alpha is None


def test_alpha_is_straight_and_apart() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 4), np.uint8)
    for data in (
        saved(Image.fromarray(pixels)),
        saved(Image.fromarray(pixels), "WEBP", lossless=True, exact=True),
    ):
        picture = read(data)
        assert (picture.rgb == pixels[..., :3]).all()
        assert picture.alpha is not None
        assert (picture.alpha == pixels[..., 3]).all()


def test_alpha_of_255_everywhere_is_none() -> None:
    assert read(saved(Image.new("RGBA", (3, 2), (1, 2, 3, 255)))).alpha is None


def test_grey_becomes_rgb() -> None:
    assert (read(saved(Image.fromarray(RAMP))).rgb == grey(RAMP)).all()


def test_grey_with_alpha_is_split() -> None:
    image = Image.merge("LA", [Image.fromarray(RAMP), Image.fromarray(RAMP[::-1].copy())])
    picture = read(saved(image))
    assert (picture.rgb == grey(RAMP)).all()
    assert picture.alpha is not None
    assert (picture.alpha == RAMP[::-1]).all()


def test_one_bit_becomes_black_and_white() -> None:
    assert read(saved(Image.fromarray(RAMP > 100))).rgb[..., 0].tolist() == (
        np.where(RAMP > 100, 255, 0).tolist()
    )


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    samples = np.array([[0, 257, 32_896, 65_535]], ">u2")
    assert read(png(4, 1, 16, 0, [samples.tobytes()])).rgb[0, :, 0].tolist() == [0, 1, 128, 255]


def test_sixteen_bit_rgba_is_scaled() -> None:
    picture = read(png(1, 1, 16, 6, [struct.pack(">HHHH", 0, 32_896, 65_535, 257 * 77)]))
    assert picture.rgb.tolist() == [[[0, 128, 255]]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[77]]


def test_a_palette_with_transparency_keeps_it() -> None:
    palette = chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60]))
    picture = read(png(2, 1, 8, 3, [b"\0\1"], palette, chunk(b"tRNS", b"\x80")))
    assert picture.rgb.tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[128, 255]]


@pytest.mark.parametrize(
    ("bits", "colour", "row", "key"),
    [
        (8, 0, b"\x05\x09", b"\0\x09"),
        (4, 0, b"\x5f", b"\0\x0f"),
        (1, 0, b"\x40", b"\0\x01"),
        (16, 0, b"\x01\x02\x01\x03", b"\x01\x03"),
        (8, 2, b"\1\2\3\1\2\4", b"\0\1\0\2\0\4"),
        (16, 2, b"\1\0\2\0\3\0\1\0\2\0\4\0", b"\1\0\2\0\4\0"),
    ],
)
def test_a_transparent_colour_is_transparent(
    bits: int, colour: int, row: bytes, key: bytes
) -> None:
    picture = read(png(2, 1, bits, colour, [row], chunk(b"tRNS", key)))
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 0]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_orientation_is_applied(orientation: int, kind: str) -> None:
    upright = np.random.default_rng(2).integers(0, 256, (5, 7, 4), np.uint8)
    undo: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: np.rot90,
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(undo[orientation](upright)))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    picture = read(saved(image, kind, exif=exif, **options))
    assert (picture.rgb == upright[..., :3]).all()
    assert picture.alpha is not None
    assert (picture.alpha == upright[..., 3]).all()


@pytest.mark.parametrize("orientation", [1, 6, 7, 8, 5, 3])
def test_strips_meet_without_a_seam(orientation: int) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (1200, 701, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO(saved(Image.fromarray(pixels), exif=exif, compress_level=1))
    with Image.open(out) as image:
        wanted = np.asarray(ImageOps.exif_transpose(image))
    assert (read(out.getvalue()).rgb == wanted).all()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0" + b"\xff" * 60, b"Exif\0\0II*\0\x08\0\0\0\xff\xff"])
def test_broken_exif_is_ignored(exif: bytes) -> None:
    data = saved(Image.new("RGB", (3, 2)), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif
    assert read(data[:2] + segment + data[2:]).width == 3


def _swapped_profile() -> bytes:
    """An sRGB profile whose red and blue primaries are exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_profile_is_brought_to_srgb(kind: str) -> None:
    image = Image.new("RGB", (16, 16), (250, 0, 0))
    red, green, blue = read(saved(image, kind, icc_profile=_swapped_profile())).rgb[8, 8].tolist()
    assert red < 10
    assert green < 10
    assert blue > 240


def test_a_grey_picture_with_an_rgb_profile_stays_grey() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = read(saved(Image.fromarray(RAMP), icc_profile=profile)).rgb
    assert np.abs(pixels.astype(int) - grey(RAMP)).max() <= 1


@pytest.mark.parametrize("profile", [b"junk" * 300, b"\0\0\x0c\x48lcms" + bytes(200)])
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    image = Image.fromarray(grey(RAMP))
    assert (read(saved(image, icc_profile=profile)).rgb == grey(RAMP)).all()


def test_cmyk_becomes_rgb() -> None:
    image = Image.new("RGB", (16, 16), (200, 30, 40)).convert("CMYK")
    red, green, blue = read(saved(image, "JPEG", quality=95)).rgb[8, 8].tolist()
    assert abs(red - 200) < 6
    assert abs(green - 30) < 6
    assert abs(blue - 40) < 6


def test_an_animated_png_is_its_still_picture() -> None:
    frames = [Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in (10, 90)]
    data = saved(frames[0], save_all=True, append_images=frames[1:])
    assert read(data).rgb[0, 0].tolist() == [10, 0, 0]


def test_an_animated_webp_is_its_first_frame() -> None:
    frames = [Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in (10, 90)]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert read(data).rgb[0, 0].tolist() == [10, 0, 0]


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_compressed_chunk_that_bursts_is_left_out(kind: bytes) -> None:
    squeezer = zlib.compressobj(9)
    bomb = b"".join(squeezer.compress(bytes(1 << 20)) for _ in range(50)) + squeezer.flush()
    start = b"c\0\1\0\0\0" if kind == b"iTXt" else b"c\0\0"
    assert read(png(1, 1, 8, 0, [b"\x07"], chunk(kind, start + bomb))).rgb.tolist() == [[[7, 7, 7]]]


def test_more_chunks_than_any_encoder_writes_are_refused() -> None:
    empty = chunk(b"IDAT", b"") * 20_001
    with pytest.raises(MalformedImage, match="cannot be decoded"):
        read(png(1, 1, 8, 0, [b"\x07"], empty))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_truncated_image_is_malformed(kind: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    data = saved(Image.fromarray(noise), kind)
    with pytest.raises(MalformedImage, match=r"^inputImage looks like .* damaged or incomplete"):
        read(data[: len(data) // 2])


def test_too_little_memory_is_our_fault_not_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "open", no_memory)
    with pytest.raises(OutOfMemory, match="not enough memory"):
        read(saved(Image.new("RGB", (1, 1))))


def _seeds() -> list[bytes]:
    noise = np.random.default_rng(5).integers(0, 256, (9, 11, 4), np.uint8)
    rgb, rgba = Image.fromarray(noise[..., :3].copy()), Image.fromarray(noise)
    return [
        saved(rgba),
        saved(rgb.convert("P"), transparency=3),
        saved(rgb, "JPEG", icc_profile=_swapped_profile()),
        saved(rgb, "JPEG", progressive=True),
        saved(rgb.convert("CMYK"), "JPEG"),
        saved(rgba, "WEBP", lossless=True),
        saved(rgb, "WEBP", icc_profile=_swapped_profile()),
    ]


SEEDS = _seeds()


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=400, deadline=None)
@given(
    seed=st.integers(0, len(SEEDS) - 1),
    edits=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=12),
    cut=st.none() | st.integers(0, 4000),
)
def test_mutated_files_decode_or_fail_by_name(
    seed: int, edits: list[tuple[int, int]], cut: int | None
) -> None:
    data = bytearray(SEEDS[seed])
    for place, value in edits:
        data[place % len(data)] = value
    try:
        picture = read(bytes(data[:cut]))
    except CutwireError:
        return
    assert picture.pixels > 0
