"""Local linear models reproduce an alpha that is linear in colour, and flat ones."""

from __future__ import annotations

import numpy as np
import pytest

from inference.steps.linear_models import evaluate_models, fit_models, grow

RNG = np.random.default_rng(4)


def test_growing_widens_by_the_radius_in_all_directions() -> None:
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    assert grow(mask, 1).sum() == 9
    assert grow(mask, 2).all()


def test_an_alpha_linear_in_colour_is_found_at_full_size() -> None:
    rgb = RNG.integers(0, 256, (12, 12, 3), np.uint8)
    alpha = (rgb @ np.array([0.5, 0.3, 0.2]) / 255).astype(np.float32)
    models = fit_models(rgb, alpha, np.ones((12, 12), bool), radius=1, epsilon=1e-5)
    found = evaluate_models(models, rgb, np.arange(144))
    assert np.abs(found - alpha.ravel()).max() < 0.02


def test_flat_colours_give_the_mean_alpha() -> None:
    alpha = np.full((4, 4), 0.25, np.float32)
    models = fit_models(
        np.full((4, 4, 3), 90, np.uint8), alpha, np.ones((4, 4), bool), radius=1, epsilon=1e-4
    )
    assert np.allclose(models, [0, 0, 0, 0.25], atol=1e-6)


def test_where_no_model_is_asked_for_it_is_the_alpha() -> None:
    alpha = RNG.random((4, 4), np.float32)
    models = fit_models(
        RNG.integers(0, 256, (4, 4, 3), np.uint8),
        alpha,
        np.zeros((4, 4), bool),
        radius=1,
        epsilon=1,
    )
    assert (models[..., 3] == alpha).all()
    assert not models[..., :3].any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2)])
def test_pictures_of_one_line_are_fine(shape: tuple[int, int]) -> None:
    rgb = RNG.integers(0, 256, (*shape, 3), np.uint8)
    alpha = RNG.random(shape, np.float32)
    models = fit_models(rgb, alpha, np.ones(shape, bool), radius=2, epsilon=1e-4)
    large = RNG.integers(0, 256, (7, 9, 3), np.uint8)
    found = evaluate_models(models, large, np.arange(63))
    assert ((found >= 0) & (found <= 1)).all()


def test_values_stay_within_0_and_1() -> None:
    models = np.full((2, 2, 4), 5, np.float32)
    assert evaluate_models(models, np.full((4, 4, 3), 200, np.uint8), np.arange(16)).max() == 1
