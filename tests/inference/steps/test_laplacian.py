"""The system is closed-form matting's: symmetric, and constant alphas cost nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.steps.laplacian import Band, MattingSystem, assemble

RGB = np.random.default_rng(6).integers(0, 256, (4, 4, 3), np.uint8)
UNKNOWN = np.full((4, 4), 128, np.uint8)


def system(
    rgb: NDArray[np.uint8], trimap: NDArray[np.uint8], epsilon: float = 1e-5
) -> MattingSystem:
    return assemble(rgb, Band.of(trimap), epsilon=epsilon)


def dense(found: MattingSystem) -> NDArray[np.float64]:
    """The matrix of the unknown pixels, from their 5×5 neighbourhoods."""
    numbers = np.pad(found.band.numbers, 2, constant_values=-1)
    matrix = np.zeros((found.pull.size, found.pull.size))
    for number, spot in enumerate(found.band.spots):
        row, column = divmod(int(spot), found.band.numbers.shape[1])
        around = numbers[row : row + 5, column : column + 5].ravel()
        matrix[number, around[around >= 0]] = found.values[around >= 0, number]
    return matrix


def test_the_matrix_is_symmetric_and_its_rows_add_up_to_nothing() -> None:
    matrix = dense(system(RGB, UNKNOWN))
    assert np.allclose(matrix, matrix.T)
    assert np.allclose(matrix.sum(axis=1), 0, atol=1e-9)
    assert np.abs(matrix).max() > 0.1


def test_an_alpha_linear_in_colour_costs_nothing() -> None:
    matrix = dense(system(RGB, UNKNOWN, epsilon=1e-12))
    alpha = (RGB @ np.array([0.2, 0.5, 0.3]) / 255).ravel()
    assert abs(alpha @ (matrix @ alpha)) < 1e-6


def test_known_pixels_move_to_the_right_hand_side() -> None:
    trimap = UNKNOWN.copy()
    trimap[0] = 255
    whole = dense(system(RGB, UNKNOWN))
    part = system(RGB, trimap)
    assert np.allclose(dense(part), whole[4:, 4:])
    assert np.allclose(part.pull, -whole[4:, :4].sum(axis=1))


def test_unknown_pixels_at_every_border_keep_the_system_whole() -> None:
    rgb = np.random.default_rng(7).integers(0, 256, (9, 7, 3), np.uint8)
    trimap = np.full((9, 7), 128, np.uint8)
    whole = dense(system(rgb, trimap))
    trimap[4, 3] = 0
    kept = np.flatnonzero(trimap == 128)
    part = dense(system(rgb, trimap))
    assert np.allclose(part, whole[np.ix_(kept, kept)])
