"""What is believed of each unknown pixel's alpha before its neighbours are heard, and how firmly.

Closed-form matting knows only how neighbours' alphas hang together; where that leaves an alpha
open, it leaks. The known colours say more: what a pixel's own colour is mixed of. Where the samples
are unusually far away (a hole in the subject, a shadow at its foot) colours mislead, and the
nearest known pixel says what is likeliest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.kernels import samples
from inference.steps.laplacian import Band
from inference.steps.trimap import BACKGROUND, FOREGROUND

Bytes = NDArray[np.uint8]
Reals = NDArray[np.float32]

_OF_COLOURS = np.float32(5e-4)  # weights beside the Laplacian, whose diagonal is about 1
_OF_NEAREST = np.float32(3e-6)
_LEAST = np.float32(1e-7)  # keeps the system solvable where nothing else does
_OF_MASK = np.float32(1e-2)
_MISFIT = np.float32(8)  # levels of 0..255: a mix that is so wrong is worth 1/e
_CONTRAST = np.float32(60)  # levels: colours nearer to each other say less of alpha
_USUAL = np.float32(3)  # samples farther apart than so many times the median are unusually far


@dataclass(frozen=True, slots=True)
class Beliefs:
    """An alpha in 0..1 for each unknown pixel of a band, and its weight beside the Laplacian."""

    alpha: Reals
    weight: Reals


def believe(rgb: Bytes, band: Band, mask: Bytes) -> Beliefs:
    """Form beliefs from the known colours; where only one kind is known, from the h×w mask."""
    if (band.trimap == FOREGROUND).any() and (band.trimap == BACKGROUND).any():
        return _believe_colours(rgb, band)
    alpha = mask.ravel()[band.spots] * np.float32(1 / 255)
    return Beliefs(alpha, np.full_like(alpha, _OF_MASK))


def _believe_colours(rgb: Bytes, band: Band) -> Beliefs:
    found = samples.find_samples(np.ascontiguousarray(rgb), band.trimap, band.numbers, band.spots).T
    to_front, to_back = found[samples.TO_FRONT], found[samples.TO_BACK]
    width = to_front + to_back
    is_near = np.exp(-((width / (_USUAL * np.median(width))) ** 4))
    of_colours = np.exp(found[samples.MISFIT] * (-1 / _MISFIT)) * is_near
    of_colours *= np.minimum(found[samples.CONTRAST] * (1 / _CONTRAST), 1)
    of_colours = of_colours * _OF_COLOURS + _LEAST
    of_nearest = (1 - is_near) * _OF_NEAREST
    weight = of_colours + of_nearest
    alpha = (of_colours * found[samples.ALPHA] + of_nearest * (to_front < to_back)) / weight
    return Beliefs(alpha.astype(np.float32), weight.astype(np.float32))
