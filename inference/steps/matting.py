"""What is the alpha of the unknown pixels of a trimap: alpha matting, fast or exact.

Fast: closed-form matting at a working size, which the number of unknown pixels decides, together
with what the known colours say of each pixel; carried to full size by local linear models. Its cost
is bounded: however poor the mask, the system is solved for some ten thousand pixels.
Exact: closed-form matting of all unknown pixels, as pymatting and rembg solve it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.kernels.bands import shrink_trimap
from inference.kernels.edges import evaluate_models, fit_models
from inference.steps.beliefs import believe
from inference.steps.exact_matting import solve_exactly
from inference.steps.laplacian import Band, assemble
from inference.steps.relaxation import relax
from inference.steps.resize import average_rgb, resize_mask
from inference.steps.trimap import BACKGROUND, FOREGROUND, UNKNOWN
from protocol.errors import MattingFailed

Method = Literal["fast", "exact"]
CheckDeadline = Callable[[], None]
Bytes = NDArray[np.uint8]

_WORKING_UNKNOWN = 20_000
_WORKING_PIXELS = 200_000
_MODEL_EPSILON = np.float32(3e-5)
_MARGIN = 8  # known pixels around the band: they pull on it


def estimate_alpha(
    rgb: Bytes,
    trimap: Bytes,
    mask: Bytes,
    *,
    method: Method = "fast",
    check_deadline: CheckDeadline = lambda: None,
) -> Bytes:
    """Return the H×W uint8 alpha: 255 and 0 where the trimap is known, solved where it is 128.

    `mask` is the network's; it counts only for the fast method and where the trimap knows but one
    kind. `check_deadline` is called between iterations and may raise. Raises MattingFailed where
    nothing is known, or too much is unknown for the exact method.
    """
    unknown = trimap == UNKNOWN
    window = _window(unknown)
    if window is None:
        return trimap
    _check_known(trimap, method)
    inside, unknown = trimap[window], unknown[window]
    if method == "exact":
        solved = np.empty(inside.shape, np.uint8)
        solved[unknown] = _to_bytes(solve_exactly(rgb[window], inside, check_deadline))
    else:
        solved = _solve_fast(rgb[window], inside, mask[window], check_deadline)
    alpha = trimap.copy()
    np.copyto(alpha[window], solved, where=unknown)
    return alpha


def _check_known(trimap: Bytes, method: Method) -> None:
    has_foreground = bool((trimap == FOREGROUND).any())
    has_background = bool((trimap == BACKGROUND).any())
    # With a mask, one kind is enough; without one, the missing kind would vanish silently.
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
        "alphaMattingErodeSize, lower alphaMattingForegroundThreshold or raise "
        "alphaMattingBackgroundThreshold.",
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


def _solve_fast(rgb: Bytes, trimap: Bytes, mask: Bytes, check_deadline: CheckDeadline) -> Bytes:
    """Return H×W alpha that counts where the trimap is unknown."""
    height, width = trimap.shape
    factor = _shrink_factor(int((trimap == UNKNOWN).sum()), trimap.size)
    small_width, small_height = max(1, round(width / factor)), max(1, round(height / factor))
    small_rgb = average_rgb(rgb, small_width, small_height)
    small_trimap = shrink_trimap(trimap, small_width, small_height)
    band = Band.of(small_trimap)
    check_deadline()
    beliefs = believe(small_rgb, band, resize_mask(mask, small_width, small_height))
    check_deadline()
    solved = relax(assemble(small_rgb, band), beliefs, check_deadline)
    alpha = (small_trimap == FOREGROUND).astype(np.float32)
    alpha.ravel()[band.spots] = np.clip(solved, 0, 1)
    if factor == 1:
        return _to_bytes(alpha)
    unknown = band.numbers >= 0
    models = fit_models(small_rgb, alpha, _MODEL_EPSILON)
    models[:, 3] = models[:, 3] * 255 + np.float32(0.5)
    labels = np.where(unknown, UNKNOWN, small_trimap).astype(np.uint8)
    result = np.empty((height, width), np.uint8)
    evaluate_models(models, np.ascontiguousarray(rgb), labels, result)
    return result


def _shrink_factor(unknown_pixels: int, pixels: int) -> float:
    factor = max(sqrt(unknown_pixels / _WORKING_UNKNOWN), sqrt(pixels / _WORKING_PIXELS))
    return factor if factor > 1.05 else 1.0


def _to_bytes(alpha: NDArray[np.floating]) -> Bytes:
    return (alpha * 255 + 0.5).astype(np.uint8)
