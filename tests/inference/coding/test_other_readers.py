"""OpenCV reads what is encoded, to the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.coding import PictureLimits, decode, encode, encode_mask
from inference.picture import Picture

cv2 = pytest.importorskip("cv2", reason="OpenCV comes with the extra `train`")

RNG = np.random.default_rng(3)
RGB = RNG.integers(0, 256, (61, 90, 3), np.uint8)
ALPHA = RNG.integers(0, 256, (61, 90), np.uint8)


def read(image: bytes) -> NDArray[np.uint8]:
    """The pixels in the order of ours: red first."""
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels.ndim == 2:
        return np.asarray(pixels)
    bands = [2, 1, 0, 3][: pixels.shape[2]]
    return np.asarray(pixels[..., bands])


def test_a_png_is_exact() -> None:
    assert (read(encode(Picture(RGB), format="PNG")) == RGB).all()


def test_a_png_with_alpha_is_exact() -> None:
    read_back = read(encode(Picture(RGB, ALPHA), format="PNG"))
    assert (read_back == np.dstack([RGB, ALPHA])).all()


def test_a_grey_png_is_exact() -> None:
    assert (read(encode_mask(ALPHA)) == ALPHA).all()


def test_a_lossless_webp_with_alpha_is_exact() -> None:
    read_back = read(encode(Picture(RGB, ALPHA), format="WEBP", lossless=True))
    assert (read_back == np.dstack([RGB, ALPHA])).all()


def test_a_jpeg_is_what_we_read_ourselves() -> None:
    image = encode(Picture(RGB), format="JPG")
    ours = decode(image, parameter="image", limits=PictureLimits()).rgb
    assert np.abs(read(image).astype(int) - ours).max() <= 3
