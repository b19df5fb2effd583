"""What is encoded reads back as it was, says sRGB, and is the same bytes each time."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageCms

from inference.coding import OutputFormat, PictureLimits, decode, encode, encode_mask
from inference.coding.fastpng import write_png
from inference.picture import Picture
from protocol.errors import ResultTooLarge

LIMITS = PictureLimits()


def noise(*shape: int, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@settings(max_examples=60, deadline=None)
@given(
    pixels=hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(4))),
    channels=st.sampled_from([1, 3, 4]),
)
def test_png_is_exact(pixels: NDArray[np.uint8], channels: int) -> None:
    rgb, alpha = pixels[..., :3].copy(), pixels[..., 3].copy()
    if channels == 1:
        assert (np.asarray(opened(write_png(alpha))) == alpha).all()
    elif channels == 3:
        assert (np.asarray(opened(write_png(rgb))) == rgb).all()
    else:
        assert (np.asarray(opened(write_png(rgb, alpha))) == pixels).all()


@pytest.mark.parametrize("kind", ["noise", "ramp", "columns", "flat"])
def test_png_is_exact_with_every_filter_and_many_strips(kind: str) -> None:
    rows, columns = np.mgrid[:700, :500]
    shade = {
        "noise": noise(700, 500),
        "ramp": rows + columns,
        "columns": columns * 7,
        "flat": rows * 0,
    }
    pixels = np.repeat(shade[kind].astype(np.uint8)[..., np.newaxis], 3, axis=2)
    assert (np.asarray(opened(write_png(pixels))) == pixels).all()


def test_png_takes_views_that_do_not_lie_together() -> None:
    pixels = noise(20, 30, 3)[::2, ::3]
    assert (np.asarray(opened(write_png(pixels))) == pixels).all()


def test_png_is_smaller_than_pillows_fastest_on_a_photo() -> None:
    from skimage import data

    photo = data.astronaut()
    out = io.BytesIO()
    Image.fromarray(photo).save(out, "PNG", compress_level=1)
    assert len(write_png(photo)) <= 1.02 * len(out.getvalue())


def test_png_says_srgb() -> None:
    assert opened(encode(Picture(noise(4, 4, 3)), format="PNG")).info["srgb"] == 0


def test_png_falls_back_to_zlib_where_isal_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "isal", None)
    pixels = noise(6, 5, 4)
    data = encode(Picture(pixels[..., :3].copy(), pixels[..., 3].copy()), format="PNG")
    assert (np.asarray(opened(data)) == pixels).all()


def test_jpg_refuses_alpha() -> None:
    with pytest.raises(ValueError, match="flattened"):
        encode(Picture(noise(4, 4, 3), noise(4, 4)), format="JPG")


def test_jpg_keeps_full_chroma_from_quality_90_on() -> None:
    from PIL import JpegImagePlugin

    picture = Picture(noise(32, 32, 3))
    layouts = [
        JpegImagePlugin.get_sampling(opened(encode(picture, format="JPG", quality=quality)))
        for quality in (90, 89)
    ]
    assert layouts == [0, 2]


@pytest.mark.parametrize("kind", ["JPG", "WEBP"])
def test_jpg_and_webp_carry_an_srgb_profile(kind: OutputFormat) -> None:
    profile = opened(encode(Picture(noise(8, 8, 3)), format=kind)).info["icc_profile"]
    assert "sRGB" in ImageCms.getProfileDescription(io.BytesIO(profile))


def test_lossless_webp_keeps_colours_under_transparency() -> None:
    pixels = noise(9, 9, 4)
    pixels[:4, :, 3] = 0
    picture = Picture(pixels[..., :3].copy(), pixels[..., 3].copy())
    again = decode(
        encode(picture, format="WEBP", lossless=True), parameter="inputImage", limits=LIMITS
    )
    assert (again.rgb == picture.rgb).all()
    assert again.alpha is not None
    assert (again.alpha == picture.alpha).all()


def test_a_side_that_webp_cannot_hold_is_refused() -> None:
    with pytest.raises(ResultTooLarge, match=r"16,383 a side.*PNG"):
        encode(Picture(np.zeros((1, 16_384, 3), np.uint8)), format="WEBP")


@pytest.mark.parametrize("kind", ["PNG", "JPG"])
def test_a_mask_is_eight_bit_grey(kind: OutputFormat) -> None:
    image = opened(encode_mask(noise(6, 5), format=kind))
    assert image.mode == "L"
    assert image.size == (5, 6)


def test_a_webp_mask_is_exact() -> None:
    mask = noise(6, 5)
    assert (np.asarray(opened(encode_mask(mask, format="WEBP")))[..., 0] == mask).all()


@pytest.mark.parametrize("kind", ["PNG", "JPG", "WEBP"])
def test_the_same_picture_gives_the_same_bytes_in_every_thread(kind: OutputFormat) -> None:
    picture = Picture(noise(40, 30, 3))
    with ThreadPoolExecutor(4) as pool:
        results = set(pool.map(lambda _: encode(picture, format=kind), range(12)))
    assert len(results) == 1


@pytest.mark.parametrize("kind", ["PNG", "JPG", "WEBP"])
def test_lossy_or_not_the_picture_is_recognisable(kind: OutputFormat) -> None:
    rows, columns = np.mgrid[:64, :64]
    pixels = np.stack([rows * 3, columns * 3, rows + columns], axis=2).astype(np.uint8)
    again = decode(encode(Picture(pixels), format=kind), parameter="x", limits=LIMITS).rgb
    assert np.abs(again.astype(int) - pixels).mean() < 3
