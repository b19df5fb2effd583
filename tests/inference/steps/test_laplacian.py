"""The system is closed-form matting's: symmetric, and constant alphas cost nothing."""

from __future__ import annotations

import numpy as np

from inference.steps.laplacian import assemble

RGB = np.random.default_rng(6).integers(0, 256, (4, 4, 3), np.uint8)
ALL = np.ones((4, 4), bool)


def test_the_matrix_is_symmetric_and_its_rows_add_up_to_nothing() -> None:
    matrix = assemble(RGB, ALL, ~ALL, epsilon=1e-5).matrix.toarray()
    assert np.allclose(matrix, matrix.T)
    assert np.allclose(matrix.sum(axis=1), 0, atol=1e-9)


def test_an_alpha_linear_in_colour_costs_nothing() -> None:
    matrix = assemble(RGB, ALL, ~ALL, epsilon=1e-12).matrix
    alpha = (RGB @ np.array([0.2, 0.5, 0.3]) / 255).ravel()
    assert abs(alpha @ (matrix @ alpha)) < 1e-6


def test_known_pixels_move_to_the_right_hand_side() -> None:
    foreground = np.zeros((4, 4), bool)
    foreground[0] = True
    whole = assemble(RGB, ALL, ~ALL, epsilon=1e-5).matrix.toarray()
    part = assemble(RGB, ~foreground, foreground, epsilon=1e-5)
    assert np.allclose(part.matrix.toarray(), whole[4:, 4:])
    assert np.allclose(part.pull, -whole[4:, :4].sum(axis=1))


def test_unknown_pixels_at_every_border_keep_the_system_whole() -> None:
    rgb = np.random.default_rng(7).integers(0, 256, (9, 7, 3), np.uint8)
    unknown = np.ones((9, 7), bool)
    unknown[4, 3] = False
    whole = assemble(rgb, np.ones_like(unknown), ~np.ones_like(unknown), epsilon=1e-5)
    part = assemble(rgb, unknown, ~unknown, epsilon=1e-5)
    kept = np.flatnonzero(unknown)
    assert np.allclose(part.matrix.toarray(), whole.matrix.toarray()[np.ix_(kept, kept)])
