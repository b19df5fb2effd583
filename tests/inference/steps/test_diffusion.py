"""Known values spread into unknown places and stay as they are."""

from __future__ import annotations

import numpy as np

from inference.steps.diffusion import relax, spread


def test_known_values_stay() -> None:
    values = np.random.default_rng(1).random((7, 5, 3), np.float32)
    assert (spread(values, np.ones((7, 5), np.float32)) == values).all()


def test_unknown_values_become_what_is_around() -> None:
    values = np.full((9, 9, 1), 5, np.float32)
    values[4, 4] = 99
    weight = np.ones((9, 9), np.float32)
    weight[4, 4] = 0
    assert np.allclose(spread(values, weight), 5)


def test_one_known_value_fills_everything() -> None:
    values, weight = np.zeros((8, 8, 1), np.float32), np.zeros((8, 8), np.float32)
    values[0, 7], weight[0, 7] = 3, 1
    assert np.allclose(spread(values, weight), 3)


def test_nothing_known_is_zero() -> None:
    assert not spread(np.ones((4, 4, 1), np.float32), np.zeros((4, 4), np.float32)).any()


def test_relaxing_draws_unknown_pixels_to_their_neighbours_mean() -> None:
    values = np.zeros((3, 3, 1), np.float32)
    values[0, 1] = 8
    unknown = np.zeros((3, 3), np.bool_)
    unknown[1, 1] = True
    assert relax(values, unknown, 1)[1, 1, 0] == 2
