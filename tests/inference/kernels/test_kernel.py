"""Machine code is given what it was compiled for, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.kernels.bands import shrink_trimap
from inference.kernels.cholesky import factorise
from inference.kernels.laying import lay_over_colour
from inference.kernels.resampling import average

COLOUR = np.array([1, 2, 3, 255], np.uint8)


def picture(*, side: int = 4) -> NDArray[np.uint8]:
    return np.full((side, side, 4), 9, np.uint8)


def lay(
    colours: NDArray[Any] | None = None,
    alpha: NDArray[Any] | None = None,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    result = picture() if out is None else out
    lay_over_colour(
        picture() if colours is None else colours,
        np.zeros((4, 4), np.uint8) if alpha is None else alpha,
        COLOUR,
        result,
    )
    return result


def frozen() -> NDArray[np.uint8]:
    result = picture()
    result.flags.writeable = False
    return result


@pytest.mark.parametrize(
    "call",
    [
        lambda: lay(colours=picture().astype(np.uint16)),
        lambda: lay(colours=picture()[0]),
        lambda: lay(colours=picture(side=8)[::2, ::2]),
        lambda: lay(alpha=[[0] * 4] * 4),  # type: ignore[arg-type]
        lambda: lay(out=frozen()),
    ],
    ids=["kind", "dimensions", "strides", "list", "read-only"],
)
def test_another_type_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match=r"needs .*, got "):
        call()


def test_read_only_arrays_can_be_read() -> None:
    assert lay(colours=frozen()).tolist() == np.broadcast_to(COLOUR, (4, 4, 4)).tolist()


def test_strides_are_followed_where_they_are_allowed() -> None:
    trimap = np.zeros((4, 8), np.uint8)
    trimap[:, ::2] = 255
    assert shrink_trimap(trimap[:, ::2], 2, 2).tolist() == [[255, 255], [255, 255]]
    assert (lay(alpha=np.broadcast_to(np.uint8(255), (4, 4)))[..., :3] == 9).all()


def test_a_number_is_returned() -> None:
    matrix = np.array([4.0]), np.zeros(1, np.int32), np.array([0, 1], np.int32)
    triangle = np.zeros(1), np.zeros(1, np.int32), np.zeros(2, np.int32)
    assert factorise(*matrix, 0.0, 0.0, *triangle) == 1
    assert triangle[0].tolist() == [2.0]


def test_a_picture_without_pixels_is_no_trouble() -> None:
    assert average(np.zeros((3, 3, 3), np.uint8), 0, 0).shape == (0, 0, 3)
