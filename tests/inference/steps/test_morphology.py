"""Erosion is scipy's and growth reaches as far in all directions."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage

from inference.steps.morphology import erode, grow


def test_growing_widens_by_the_radius_in_all_directions() -> None:
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    assert grow(mask, 1).sum() == 9
    assert grow(mask, 2).all()


def test_growing_by_nothing_changes_nothing() -> None:
    mask = np.eye(3, dtype=np.bool_)
    assert (grow(mask, 0) == mask).all()


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
    wanted = ndimage.binary_erosion(mask, np.ones((size, size)), border_value=int(beyond))
    assert (erode(mask, size, beyond_frame=beyond) == wanted).all()
