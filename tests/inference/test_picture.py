"""A picture is uint8, H×W×3, with an alpha of the same size or none."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from inference.picture import Picture


def test_a_picture_knows_its_size() -> None:
    picture = Picture(np.zeros((4, 6, 3), np.uint8))
    assert (picture.width, picture.height, picture.pixels) == (6, 4, 24)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_colours_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"rgb must be uint8|at least one pixel"):
        Picture(np.zeros(shape, np.uint8))


def test_colours_of_another_type_are_refused() -> None:
    with pytest.raises(ValueError, match="not float32 of shape 4×4×3"):
        Picture(np.zeros((4, 4, 3), np.float32))  # type: ignore[arg-type]


def test_an_alpha_of_another_size_is_refused() -> None:
    with pytest.raises(
        ValueError, match="alpha must be uint8 of shape 4×4, not uint8 of shape 4×5"
    ):
        Picture(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8))


def test_a_picture_is_frozen() -> None:
    picture = Picture(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(FrozenInstanceError):
        picture.alpha = None  # type: ignore[misc]
