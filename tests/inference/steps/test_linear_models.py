"""Local linear models reproduce an alpha that is linear in colour, and flat ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.steps.linear_models import evaluate_models, fit_models, grow

RNG = np.random.default_rng(4)


def evaluated(models: NDArray[np.float32], rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The alpha in 0..1 of every pixel."""
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    evaluate_models(models, rgb, np.ones(alpha.shape, bool), alpha)
    return alpha / 255


def test_growing_widens_by_the_radius_in_all_directions() -> None:
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    assert grow(mask, 1).sum() == 9
    assert grow(mask, 2).all()


def test_an_alpha_linear_in_colour_is_found_at_full_size() -> None:
    rgb = RNG.integers(0, 256, (12, 12, 3), np.uint8)
    alpha = (rgb @ np.array([0.5, 0.3, 0.2]) / 255).astype(np.float32)
    models = fit_models(rgb, alpha, np.ones((12, 12), bool), radius=1, epsilon=1e-5)
    assert np.abs(evaluated(models, rgb) - alpha).max() < 0.02


def test_flat_colours_give_the_mean_alpha() -> None:
    alpha = np.full((4, 4), 0.25, np.float32)
    models = fit_models(
        np.full((4, 4, 3), 90, np.uint8), alpha, np.ones((4, 4), bool), radius=1, epsilon=1e-4
    )
    assert np.allclose(models[:3], 0, atol=1e-6)
    assert np.allclose(models[3], 0.25, atol=1e-6)


def test_where_no_model_is_asked_for_it_is_the_alpha() -> None:
    alpha = RNG.random((4, 4), np.float32)
    models = fit_models(
        RNG.integers(0, 256, (4, 4, 3), np.uint8),
        alpha,
        np.zeros((4, 4), bool),
        radius=1,
        epsilon=1,
    )
    assert (models[3] == alpha).all()
    assert not models[:3].any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2)])
def test_pictures_of_one_line_are_fine(shape: tuple[int, int]) -> None:
    rgb = RNG.integers(0, 256, (*shape, 3), np.uint8)
    alpha = RNG.random(shape, np.float32)
    models = fit_models(rgb, alpha, np.ones(shape, bool), radius=2, epsilon=1e-4)
    large = RNG.integers(0, 256, (7, 9, 3), np.uint8)
    found = evaluated(models, large)
    assert ((found >= 0) & (found <= 1)).all()


def test_values_stay_within_0_and_1() -> None:
    rgb = np.full((4, 4, 3), 200, np.uint8)
    assert (evaluated(np.full((4, 2, 2), 5, np.float32), rgb) == 1).all()
    assert (evaluated(np.full((4, 2, 2), -5, np.float32), rgb) == 0).all()


def test_only_the_pixels_asked_for_are_written() -> None:
    where = RNG.random((70, 110)) < 0.1
    alpha = np.full(where.shape, 7, np.uint8)
    models = np.zeros((4, 9, 9), np.float32)
    models[3] = 1
    evaluate_models(models, np.zeros((70, 110, 3), np.uint8), where, alpha)
    assert (alpha == np.where(where, 255, 7)).all()


def test_windows_of_one_colour_line_are_solved() -> None:
    level = np.linspace(0, 1, 400).reshape(20, 20).astype(np.float32)
    grey = np.repeat((level * 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)
    models = fit_models(grey, level, np.ones((20, 20), bool), radius=1, epsilon=1e-7)
    assert np.abs(evaluated(models, grey) - level).max() < 0.02
