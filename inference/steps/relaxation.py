"""Which alpha agrees best with the neighbours' and with what is believed of each pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from inference.kernels import relaxation as steps
from inference.steps.beliefs import Beliefs
from inference.steps.laplacian import Band, MattingSystem

Reals = NDArray[np.float32]

_TOLERANCE = 7e-4  # of the right-hand side
_LIMIT_STEPS = 300
_STEPS_AT_ONCE = 20  # between two looks at the deadline
_FRAME = 2  # pixels around the plane that the steps work on


def relax(system: MattingSystem, beliefs: Beliefs, check_deadline: Callable[[], None]) -> Reals:
    """Solve (L + weight) x = pull + weight · belief; return n float32, about 0..1.

    By conjugate gradients from the beliefs on, in single precision, with the diagonal as
    preconditioner: the beliefs make the system well conditioned. May raise what the check raises.
    """
    values = system.values.astype(np.float32)
    values[12] += beliefs.weight
    wanted = system.pull.astype(np.float32) + beliefs.weight * beliefs.alpha
    band = system.band
    height, width = band.numbers.shape
    plane = np.zeros((height + 2 * _FRAME) * (width + 2 * _FRAME), np.float32)
    state = np.zeros((5, band.spots.size), np.float32)
    state[steps.SCALE] = 1 / values[12]
    state[steps.FOUND] = beliefs.alpha
    where = values, find_runs(band), width + 2 * _FRAME, plane
    state[steps.COURSE] = beliefs.alpha
    steps.multiply(*where, state)
    state[steps.REST] = wanted - state[steps.IMAGE]
    rest = state[steps.REST]
    state[steps.COURSE] = state[steps.SCALE] * rest
    enough = (_TOLERANCE * float(np.linalg.norm(wanted))) ** 2
    energy = float(rest @ state[steps.COURSE]) if float(rest @ rest) > enough else 0.0
    for _ in range(0, _LIMIT_STEPS, _STEPS_AT_ONCE):
        check_deadline()
        if not energy > 0:
            break
        energy = steps.descend(*where, state, energy, enough, _STEPS_AT_ONCE)
    return np.asarray(state[steps.FOUND], np.float32)


def find_runs(band: Band) -> NDArray[np.int32]:
    """Return m×3: neighbours in a row, as first number, end, and first place in a framed plane."""
    width = band.numbers.shape[1]
    rows, columns = np.divmod(band.spots, width)
    begins = np.ones(band.spots.size, np.bool_)
    begins[1:] = (np.diff(band.spots) != 1) | (columns[1:] == 0)
    firsts = np.flatnonzero(begins)
    places = (rows + _FRAME) * (width + 2 * _FRAME) + columns + _FRAME
    ends = np.append(firsts[1:], band.spots.size)
    return np.stack([firsts, ends, places[firsts]], axis=1).astype(np.int32)
