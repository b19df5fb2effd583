"""Without dropping it is Cholesky's decomposition; with it, what the sizes allow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix

from inference.kernels.cholesky import FULL, INDEFINITE, factorise, substitute

RNG = np.random.default_rng(11)


def positive(size: int = 12) -> NDArray[np.float64]:
    """A sparse symmetric matrix with a firm diagonal."""
    half = RNG.normal(size=(size, size)) * (RNG.random((size, size)) < 0.3)
    return np.asarray(half + half.T + 10 * np.eye(size))


def triangle(
    matrix: NDArray[np.float64], least: float = 0.0, shift: float = 0.0, room: int = 200
) -> tuple[int, NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    sparse = csc_matrix(matrix)
    values, rows = np.empty(room), np.empty(room, np.int32)
    ends = np.zeros(matrix.shape[0] + 1, np.int32)
    given = sparse.data, sparse.indices, sparse.indptr
    size = factorise(*given, least, shift, values, rows, ends)
    return size, values, rows, ends


def test_nothing_dropped_is_choleskys_decomposition() -> None:
    matrix = positive()
    size, values, rows, ends = triangle(matrix)
    found = csc_matrix((values[:size], rows[:size], ends), matrix.shape).toarray()
    assert np.allclose(found, np.linalg.cholesky(matrix))


def test_substitution_solves() -> None:
    matrix = positive()
    vector = RNG.normal(size=12)
    wanted = np.linalg.solve(matrix, vector)
    substitute(*triangle(matrix)[1:], vector)
    assert np.allclose(vector, wanted)


def test_small_entries_are_dropped() -> None:
    matrix = np.array([[4.0, 0.002, 2.0], [0.002, 4.0, 0.0], [2.0, 0.0, 4.0]])
    assert triangle(matrix)[0] == 6
    assert triangle(matrix, least=0.01)[0] == 4


def test_a_pivot_that_is_not_positive_is_told_and_a_shift_heals_it() -> None:
    matrix = np.array([[1.0, 2.0], [2.0, 1.0]])
    assert triangle(matrix)[0] == INDEFINITE
    assert triangle(matrix, shift=5.0)[0] == 3


def test_too_little_room_is_told() -> None:
    assert triangle(positive(), room=14)[0] == FULL
