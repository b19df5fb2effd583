"""The trimap is rembg's: strict thresholds, a square erosion, background wins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from inference.steps.trimap import erode, make_trimap


def test_thresholds_are_strict() -> None:
    mask = np.array([[9, 10, 240, 241]], np.uint8)
    assert make_trimap(mask, 240, 10, 1).tolist() == [[0, 128, 128, 255]]


def test_background_wins_where_both_hold() -> None:
    assert make_trimap(np.full((1, 1), 50, np.uint8), 10, 240, 1).tolist() == [[0]]


def test_foreground_is_eroded_at_the_frame_and_background_is_not() -> None:
    assert make_trimap(np.full((3, 3), 255, np.uint8), 240, 10, 3).tolist() == [
        [128, 128, 128],
        [128, 255, 128],
        [128, 128, 128],
    ]
    assert not make_trimap(np.zeros((3, 3), np.uint8), 240, 10, 3).any()


def test_an_even_square_reaches_one_further_up_and_left() -> None:
    mask = np.ones((1, 6), bool)
    assert erode(mask, 4, beyond_frame=True).all()
    mask[0, 3] = False
    assert erode(mask, 4, beyond_frame=True).tolist() == [[True, True, False, False, False, False]]


def test_a_square_larger_than_the_picture_leaves_nothing() -> None:
    assert not erode(np.ones((4, 4), bool), 255, beyond_frame=False).any()
    assert erode(np.ones((4, 4), bool), 255, beyond_frame=True).all()


@settings(max_examples=60, deadline=None)
@given(
    mask=hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))),
    size=st.integers(1, 9),
    beyond=st.booleans(),
)
def test_erosion_is_scipys(mask: NDArray[np.bool_], size: int, beyond: bool) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    wanted = ndimage.binary_erosion(mask, np.ones((size, size)), border_value=int(beyond))
    assert (erode(mask, size, beyond_frame=beyond) == wanted).all()
