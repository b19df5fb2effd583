"""Local linear models reproduce an alpha that is linear in colour, and flat ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.kernels.edges import UNCERTAIN, evaluate_models, fit_models

RNG = np.random.default_rng(4)


def fitted(
    rgb: NDArray[np.uint8], alpha: NDArray[np.float32], epsilon: float = 1e-4
) -> NDArray[np.float32]:
    """A model for every pixel."""
    return fit_models(rgb, alpha, np.float32(epsilon))


def evaluated(models: NDArray[np.float32], rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The alpha in 0..1 of every pixel."""
    in_bytes = models.copy()
    in_bytes[:, 3] = in_bytes[:, 3] * 255 + 0.5
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    labels = np.full(models[:, 0].shape, UNCERTAIN)
    evaluate_models(in_bytes, rgb, labels, alpha)
    return alpha / 255


def test_an_alpha_linear_in_colour_is_found_at_full_size() -> None:
    rgb = RNG.integers(0, 256, (12, 12, 3), np.uint8)
    alpha = (rgb @ np.array([0.5, 0.3, 0.2]) / 255).astype(np.float32)
    models = fitted(rgb, alpha, 1e-5)
    assert np.abs(evaluated(models, rgb) - alpha).max() < 0.02


def test_flat_colours_give_the_mean_alpha() -> None:
    alpha = np.full((4, 4), 0.25, np.float32)
    models = fitted(np.full((4, 4, 3), 90, np.uint8), alpha)
    assert np.allclose(models[:, :3], 0, atol=1e-6)
    assert np.allclose(models[:, 3], 0.25, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2)])
def test_pictures_of_one_line_are_fine(shape: tuple[int, int]) -> None:
    rgb = RNG.integers(0, 256, (*shape, 3), np.uint8)
    alpha = RNG.random(shape, np.float32)
    models = fitted(rgb, alpha)
    large = RNG.integers(0, 256, (7, 9, 3), np.uint8)
    found = evaluated(models, large)
    assert ((found >= 0) & (found <= 1)).all()


def test_values_stay_within_0_and_1() -> None:
    rgb = np.full((4, 4, 3), 200, np.uint8)
    assert (evaluated(np.full((2, 4, 2), 5, np.float32), rgb) == 1).all()
    assert (evaluated(np.full((2, 4, 2), -5, np.float32), rgb) == 0).all()


@pytest.mark.parametrize("size", [(70, 110), (5, 40), (9, 9), (3, 4)])
def test_certain_labels_are_kept_where_their_pixels_lie(size: tuple[int, int]) -> None:
    labels = np.where(RNG.random((9, 9)) < 0.5, UNCERTAIN, np.uint8(7))
    models = np.zeros((9, 4, 9), np.float32)
    models[:, 3] = 255
    alpha = np.zeros(size, np.uint8)
    evaluate_models(models, np.zeros((*size, 3), np.uint8), labels, alpha)
    rows, columns = ((2 * np.arange(side) + 1) * 9 // (2 * side) for side in size)
    assert (alpha == np.where(labels[np.ix_(rows, columns)] == 7, 7, 255)).all()


def test_between_two_models_it_is_bilinear() -> None:
    models = np.zeros((1, 4, 2), np.float32)
    models[0, 3, 1] = 160
    alpha = np.zeros((3, 8), np.uint8)
    evaluate_models(models, np.zeros((3, 8, 3), np.uint8), np.full((1, 2), UNCERTAIN), alpha)
    assert (alpha == [0, 0, 20, 60, 100, 140, 160, 160]).all()


def test_windows_of_one_colour_line_are_solved() -> None:
    level = np.linspace(0, 1, 400).reshape(20, 20).astype(np.float32)
    grey = np.repeat((level * 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)
    models = fitted(grey, level, 1e-7)
    assert np.abs(evaluated(models, grey) - level).max() < 0.02


def test_between_rows_of_models_it_is_bilinear_too() -> None:
    models = np.zeros((3, 4, 1), np.float32)
    models[:, 3, 0] = 0, 160, 80
    labels, alpha = np.full((3, 1), UNCERTAIN), np.zeros((12, 3), np.uint8)
    evaluate_models(models, np.zeros((12, 3, 3), np.uint8), labels, alpha)
    assert (alpha.T == [0, 0, 20, 60, 100, 140, 150, 130, 110, 90, 80, 80]).all()


def test_a_run_of_any_length_is_that_of_the_whole_row() -> None:
    """However many pixels are done at once."""
    rgb = RNG.integers(0, 256, (5, 97, 3), np.uint8)
    models = RNG.normal(0, 1, (2, 4, 31)).astype(np.float32)
    models[:, 3] += 100
    whole, labels = np.zeros((5, 97), np.uint8), np.full((2, 31), UNCERTAIN)
    evaluate_models(models, rgb, labels, whole)
    for place in range(31):
        some, kept = np.zeros((5, 97), np.uint8), labels.copy()
        kept[:, place] = 0
        evaluate_models(models, rgb, kept, some)
        assert (np.where(some == 0, whole, some) == whole).all()
