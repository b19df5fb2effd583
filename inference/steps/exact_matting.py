"""What is closed-form matting's alpha of all unknown pixels, as pymatting and rembg solve it.

pymatting builds its Laplacian for the whole picture, 400 bytes a pixel, and cuts the unknown pixels
out of it. Here only theirs is built. All is computed in pymatting's order: all digits are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.kernels.cholesky import FULL, factorise, substitute
from inference.steps.laplacian import Band, assemble
from protocol.errors import MattingFailed

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Bytes = NDArray[np.uint8]
Reals = NDArray[np.float64]
CheckDeadline = Callable[[], None]

LIMIT_EXACT_PIXELS = 200_000
_FILL = 12  # the triangle may hold so many times the matrix's entries
_LEAST = 1e-4
_SHIFTS = 0.0, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5
_TOLERANCE = 1e-7
_LIMIT_STEPS = 10_000


def solve_exactly(rgb: Bytes, trimap: Bytes, check_deadline: CheckDeadline) -> Reals:
    """Return float64 alpha in 0..1 of the unknown pixels of H×W, in row order.

    Raises MattingFailed for more than LIMIT_EXACT_PIXELS, or where there is no solution; the check
    may raise between steps.
    """
    band = Band.of(trimap)
    pixels = band.spots.size
    if pixels > LIMIT_EXACT_PIXELS:
        raise MattingFailed(
            f"Exact alpha matting would have to solve {pixels:,} unknown pixels; at most "
            f"{LIMIT_EXACT_PIXELS:,} are allowed. Lower alphaMattingErodeSize, bring the two "
            "thresholds closer together, send a smaller picture or use the fast method.",
            parameter="alphaMattingErodeSize",
        )
    system = assemble(rgb, band)
    matrix, pull = system.to_matrix(), system.pull
    del system
    return np.clip(_descend(matrix, pull, _factorise(matrix, check_deadline), check_deadline), 0, 1)


def _factorise(matrix: csr_matrix, check_deadline: CheckDeadline) -> Callable[[Reals], None]:
    """Return what applies the preconditioner to a vector, in place."""
    # Pages that are never written to cost no memory.
    values, rows = np.empty(_FILL * matrix.nnz), np.empty(_FILL * matrix.nnz, np.int32)
    for shift in _SHIFTS:
        check_deadline()
        ends = np.zeros(matrix.shape[0] + 1, np.int32)
        triangle = values, rows, ends
        size = factorise(matrix.data, matrix.indices, matrix.indptr, _LEAST, shift, *triangle)
        if size >= 0:
            return lambda vector: substitute(*triangle, vector)
        if size == FULL:
            raise _no_solution("the incomplete Cholesky factor is too full")
    raise _no_solution("no shift makes the system positive definite")


def _descend(
    matrix: csr_matrix,
    pull: Reals,
    precondition: Callable[[Reals], None],
    check_deadline: CheckDeadline,
) -> Reals:
    """Solve by conjugate gradients."""
    found, rest = np.zeros_like(pull), pull.copy()
    enough = _TOLERANCE * np.linalg.norm(pull)
    if np.linalg.norm(rest) < max(enough, np.finfo(np.float64).tiny):
        return found
    scaled = rest.copy()
    precondition(scaled)
    course = scaled.copy()
    energy = np.inner(rest, scaled)
    for _ in range(_LIMIT_STEPS):
        check_deadline()
        image = matrix @ course
        step = energy / np.inner(course, image)
        found += step * course
        rest -= step * image
        if np.linalg.norm(rest) < enough:
            return found
        scaled[:] = rest
        precondition(scaled)
        # Not the quotient: pymatting multiplies by the reciprocal.
        share = 1 / energy
        energy = np.inner(rest, scaled)
        course *= share * energy
        course += scaled
    raise _no_solution("conjugate gradients do not converge")


def _no_solution(detail: str) -> MattingFailed:
    return MattingFailed(
        "Exact alpha matting has no solution for this picture; use the fast method.", detail=detail
    )
