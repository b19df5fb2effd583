"""Every byte is Pillow's own, whatever the sizes, bands and filter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inference.kernels.filters import SIX, Filter, weigh
from inference.kernels.resizing import resize

FILTERS: tuple[Filter, ...] = ("box", "bilinear", "bicubic", "lanczos")
SIDES = st.one_of(st.integers(1, 20), st.integers(1, 150))


def pillows(pixels: np.ndarray, width: int, height: int, how: Filter) -> np.ndarray:
    resample = Image.Resampling[how.upper()]
    return np.asarray(Image.fromarray(pixels).resize((width, height), resample))


def paint(seed: int, *shape: int, is_stark: bool = False) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return (pixels > 127) * np.uint8(255) if is_stark else pixels


@settings(max_examples=300, deadline=None)
@given(
    before=st.one_of(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES, st.just(3))),
    after=st.tuples(SIDES, SIDES),
    how=st.sampled_from(FILTERS),
    seed=st.integers(0, 99),
    is_stark=st.booleans(),
)
def test_any_size_is_pillows(
    before: tuple[int, ...], after: tuple[int, int], how: Filter, seed: int, is_stark: bool
) -> None:
    pixels = paint(seed, *before, is_stark=is_stark)
    np.testing.assert_array_equal(resize(pixels, *after, how), pillows(pixels, *after, how))


@pytest.mark.parametrize("how", FILTERS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((700, 1100, 3), (320, 320)),
        ((1, 3000, 3), (64, 1)),
        ((3000, 1, 3), (1, 64)),
        ((2000, 30), (1, 1)),
        ((32, 32), (701, 513)),
        ((500, 60, 3), (55, 40)),
        ((1, 1, 3), (33, 17)),
        ((40, 50, 3), (50, 40)),
    ],
)
def test_a_large_or_narrow_picture_is_pillows(
    before: tuple[int, ...], after: tuple[int, int], how: Filter
) -> None:
    pixels = paint(1, *before)
    np.testing.assert_array_equal(resize(pixels, *after, how), pillows(pixels, *after, how))


@pytest.mark.parametrize(
    "view",
    [
        lambda whole: whole[3:20, 5:40],
        lambda whole: whole[::2],
        lambda whole: whole[:, ::-1],
        lambda whole: whole[:, :, ::-1],
        lambda whole: whole[..., 1],
        lambda whole: whole.transpose(1, 0, 2),
    ],
)
def test_a_view_is_resized_as_its_copy(view) -> None:
    pixels = view(paint(3, 30, 50, 3))
    pixels.flags.writeable = False
    copied = resize(pixels.copy(), 13, 41, "lanczos")
    np.testing.assert_array_equal(resize(pixels, 13, 41, "lanczos"), copied)


def test_weights_lie_within_the_picture_and_add_up_to_1() -> None:
    first, weights = weigh(100, 31, "lanczos")
    assert weights.shape[1] % SIX == 0
    assert first.min() >= 0
    assert (first + weights.shape[1]).max() <= 100
    assert np.abs(weights.sum(axis=1) / (1 << 22) - 1).max() < 1e-5


def test_kept_weights_cannot_be_changed() -> None:
    first, weights = weigh(9, 4, "box")
    assert not first.flags.writeable
    assert not weights.flags.writeable
