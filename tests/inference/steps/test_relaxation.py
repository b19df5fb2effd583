"""What is relaxed solves the system with its beliefs, as a direct solver would."""

from __future__ import annotations

import numpy as np
import pytest

from inference.steps.beliefs import Beliefs
from inference.steps.laplacian import Band, assemble
from inference.steps.relaxation import find_runs, relax

RNG = np.random.default_rng(8)
TRIMAP = np.where(RNG.random((15, 23)) < 0.6, 128, RNG.choice([0, 255], (15, 23))).astype(np.uint8)
BAND = Band.of(TRIMAP)


def believed(weight: float) -> Beliefs:
    alpha = RNG.random(BAND.spots.size, np.float32)
    return Beliefs(alpha, np.full_like(alpha, weight))


def test_the_solution_is_the_direct_solvers() -> None:
    system = assemble(RNG.integers(0, 256, (15, 23, 3), np.uint8), BAND)
    beliefs = believed(0.05)
    matrix = np.diag(beliefs.weight.astype(float))
    for number, spot in enumerate(BAND.spots):
        for other, place in enumerate(BAND.spots):
            down, right = place // 23 - spot // 23, place % 23 - spot % 23
            if max(abs(down), abs(right)) <= 2:
                matrix[number, other] += system.values[12 + 5 * down + right, number]
    wanted = np.linalg.solve(matrix, system.pull + beliefs.weight * beliefs.alpha)
    assert np.abs(relax(system, beliefs, lambda: None) - wanted).max() < 5e-3


def test_firm_beliefs_stay() -> None:
    system = assemble(RNG.integers(0, 256, (15, 23, 3), np.uint8), BAND)
    beliefs = believed(1e4)
    assert np.abs(relax(system, beliefs, lambda: None) - beliefs.alpha).max() < 5e-3


def test_the_deadline_is_looked_at_first() -> None:
    def over() -> None:
        raise TimeoutError

    system = assemble(RNG.integers(0, 256, (15, 23, 3), np.uint8), BAND)
    with pytest.raises(TimeoutError):
        relax(system, believed(0.1), over)


def test_runs_end_with_their_row_and_tell_where_they_lie() -> None:
    trimap = np.array([[0, 128, 128], [128, 255, 128]], np.uint8)
    assert find_runs(Band.of(trimap)).tolist() == [[0, 2, 17], [2, 3, 23], [3, 4, 25]]
