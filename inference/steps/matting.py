"""What is the alpha of the unknown pixels of a trimap: alpha matting, fast or exact.

Fast: closed-form matting at a working size, with the network's mask as a soft prior, carried to
full size by local linear models. The prior makes the system well conditioned (tens of plain Jacobi
iterations, no incomplete Cholesky) and stops the leaks of closed-form matting.
Exact: closed-form matting of all unknown pixels, as pymatting and rembg solve it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from inference.steps.laplacian import assemble
from inference.steps.linear_models import evaluate_models, fit_models, grow
from inference.steps.resize import resize_mask, resize_rgb
from inference.steps.trimap import BACKGROUND, FOREGROUND, UNKNOWN, make_trimap
from protocol.errors import MattingFailed

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["LIMIT_EXACT_PIXELS", "estimate_alpha", "make_trimap"]

Method = Literal["fast", "exact"]
CheckDeadline = Callable[[], None]
Bytes = NDArray[np.uint8]

LIMIT_EXACT_PIXELS = 200_000
_WORKING_UNKNOWN = 40_000
_WORKING_PIXELS = 125_000
_PRIOR = 1e-2
_TOLERANCE = 1e-3
_LIMIT_ITERATIONS = 200
_EPSILON = 1e-7  # pymatting's default; less needs float64 already
_MODEL_EPSILON = 1e-4
_MARGIN = 8  # known pixels around the band: they pull on it


def estimate_alpha(
    rgb: Bytes,
    trimap: Bytes,
    prior: Bytes,
    *,
    method: Method = "fast",
    check_deadline: CheckDeadline = lambda: None,
) -> Bytes:
    """Return the H×W uint8 alpha: 255 and 0 where the trimap is known, solved where it is 128.

    `prior` is the network's mask (the exact method ignores it). `check_deadline` is called between
    iterations and may raise. Raises MattingFailed where nothing is known or too much is unknown.
    """
    unknown = trimap == UNKNOWN
    window = _window(unknown)
    if window is None:
        return trimap
    _check_known(trimap, method)
    alpha = trimap.copy()
    inside = rgb[window], trimap[window]
    if method == "exact":
        alpha[window][unknown[window]] = _solve_exact(*inside, check_deadline)
    else:
        _solve_fast(*inside, prior[window], check_deadline, alpha[window])
    return alpha


def _check_known(trimap: Bytes, method: Method) -> None:
    has_foreground = bool((trimap == FOREGROUND).any())
    has_background = bool((trimap == BACKGROUND).any())
    # With a prior, one kind is enough; without one, the missing kind would vanish silently.
    if (has_foreground and has_background) or (
        method == "fast" and (has_foreground or has_background)
    ):
        return
    missing = [
        name
        for name, there in (("foreground", has_foreground), ("background", has_background))
        if not there
    ]
    raise MattingFailed(
        f"Alpha matting finds no sure {' and no sure '.join(missing)} in the mask: lower "
        "'alphaMattingErodeSize', lower 'alphaMattingForegroundThreshold' or raise "
        "'alphaMattingBackgroundThreshold'.",
        parameter="alphaMattingErodeSize",
    )


def _window(unknown: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return the rows and columns that hold all unknown pixels, with a margin."""
    rows = np.flatnonzero(unknown.any(axis=1))
    if rows.size == 0:
        return None
    columns = np.flatnonzero(unknown.any(axis=0))
    return _span(rows, unknown.shape[0]), _span(columns, unknown.shape[1])


def _span(places: NDArray[np.intp], length: int) -> slice:
    return slice(max(0, int(places[0]) - _MARGIN), min(length, int(places[-1]) + 1 + _MARGIN))


def _solve_fast(
    rgb: Bytes, trimap: Bytes, prior: Bytes, check_deadline: CheckDeadline, result: Bytes
) -> None:
    """Write the alpha of the unknown pixels into the result."""
    unknown = trimap == UNKNOWN
    height, width = trimap.shape
    shrink = _shrink_factor(int(unknown.sum()), trimap.size)
    small_width, small_height = max(3, round(width / shrink)), max(3, round(height / shrink))
    small_rgb = resize_rgb(rgb, small_width, small_height)
    foreground = _covered(trimap == FOREGROUND, small_width, small_height)
    background = _covered(trimap == BACKGROUND, small_width, small_height)
    small_unknown = ~(foreground | background)
    small_prior = resize_mask(prior, small_width, small_height)[small_unknown] * (1 / 255)
    system = assemble(small_rgb, small_unknown, foreground, epsilon=_EPSILON)
    solved = _conjugate_gradient(
        system.matrix.astype(np.float32),
        system.pull.astype(np.float32),
        small_prior.astype(np.float32),
        check_deadline,
    )
    alpha = foreground.astype(np.float32)
    alpha[small_unknown] = np.clip(solved, 0, 1)
    models = fit_models(small_rgb, alpha, grow(small_unknown, 2), radius=1, epsilon=_MODEL_EPSILON)
    evaluate_models(models, rgb, unknown, result)


def _shrink_factor(unknown_pixels: int, pixels: int) -> float:
    factor = max(sqrt(unknown_pixels / _WORKING_UNKNOWN), sqrt(pixels / _WORKING_PIXELS))
    return factor if factor > 1.05 else 1.0


def _covered(mask: NDArray[np.bool_], width: int, height: int) -> NDArray[np.bool_]:
    """Shrink a mask, keeping the pixels that it covers wholly."""
    return resize_mask(mask.view(np.uint8) * np.uint8(255), width, height) >= 254


def _conjugate_gradient(
    matrix: csr_array,
    pull: NDArray[np.float32],
    prior: NDArray[np.float32],
    check_deadline: CheckDeadline,
) -> NDArray[np.float32]:
    """Solve (L + λ) x = pull + λ·prior from the prior on, with the diagonal as preconditioner."""
    strength = np.float32(_PRIOR)
    weight = 1 / (matrix.diagonal() + strength)
    wanted = pull + strength * prior
    found = prior.copy()
    rest = wanted - (matrix @ found + strength * found)
    enough = _TOLERANCE * float(np.linalg.norm(wanted))
    scaled = weight * rest
    direction = scaled.copy()
    energy = float(rest @ scaled)
    for _ in range(_LIMIT_ITERATIONS):
        check_deadline()
        if float(np.linalg.norm(rest)) <= enough:
            break
        image = matrix @ direction + strength * direction
        step = np.float32(energy / max(float(direction @ image), 1e-30))
        found += step * direction
        rest -= step * image
        scaled = weight * rest
        energy, before = float(rest @ scaled), energy
        direction *= np.float32(energy / max(before, 1e-30))
        direction += scaled
    return found


def _solve_exact(rgb: Bytes, trimap: Bytes, check_deadline: CheckDeadline) -> Bytes:
    """Return closed-form matting's alpha of the unknown pixels, in row order."""
    unknown = trimap == UNKNOWN
    pixels = int(unknown.sum())
    if pixels > LIMIT_EXACT_PIXELS:
        raise MattingFailed(
            f"Exact alpha matting would have to solve {pixels:,} unknown pixels; at most "
            f"{LIMIT_EXACT_PIXELS:,} are allowed. Lower 'alphaMattingErodeSize', bring the two "
            "thresholds closer together, send a smaller picture or use the fast method.",
            parameter="alphaMattingErodeSize",
        )
    from pymatting import cg, ichol
    from scipy.sparse import csc_matrix

    system = assemble(rgb, unknown, trimap == FOREGROUND, epsilon=_EPSILON)
    check_deadline()
    try:
        solved = cg(
            system.matrix,
            system.pull,
            M=ichol(csc_matrix(system.matrix)),
            callback=lambda *_: check_deadline(),
        )
    except ValueError as exc:
        raise MattingFailed(
            "Exact alpha matting has no solution for this picture; use the fast method.",
            detail=repr(exc),
        ) from exc
    return _to_bytes(np.clip(solved, 0, 1))


def _to_bytes(alpha: NDArray[np.floating]) -> Bytes:
    return (alpha * 255 + 0.5).astype(np.uint8)
