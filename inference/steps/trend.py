"""How do the colours of a picture change slowly across it, as those of a sky do: planes.

What is copied from elsewhere on a gradient has that place's brightness. Without the planes it has
none, and fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.steps.morphology import Flags

Planes = NDArray[np.float32]

_SAMPLES = 4096
_LEAST_SAMPLES, _LEAST_SHARE = 16, 0.25  # of the pixels; from fewer it would be a guess
_EXPLAINED = 0.8  # of the colours' variance; less is no gradient, but a picture of something


@dataclass(frozen=True, slots=True)
class Trend:
    """A plane for each colour, 3×3: its value at the first pixel, per row and per column."""

    planes: Planes

    def at(self, rows: NDArray[Any], columns: NDArray[Any]) -> Planes:
        """Return …×3 colours at places, which are broadcast."""
        first, down, across = self.planes
        plane = first + down * rows[..., np.newaxis] + across * columns[..., np.newaxis]
        return np.asarray(plane, np.float32)

    def over(self, height: int, width: int, shrink: int = 1) -> Planes:
        """Return h×w×3 colours of a picture in which blocks of pixels are one each."""
        middle = (shrink - 1) / 2
        rows, columns = np.arange(height) * shrink + middle, np.arange(width) * shrink + middle
        return self.at(rows[:, np.newaxis].astype(np.float32), columns.astype(np.float32))


FLAT = Trend(np.zeros((3, 3), np.float32))


def find_trend(rgb: NDArray[np.uint8], known: Flags) -> Trend:
    """Fit H×W×3 where it is known, by least squares; FLAT where planes explain too little."""
    pixels = np.flatnonzero(known)
    if pixels.size < max(_LEAST_SAMPLES, _LEAST_SHARE * known.size):
        return FLAT
    pixels = pixels[:: max(1, pixels.size // _SAMPLES)]
    rows, columns = np.divmod(pixels, known.shape[1])
    colours = rgb[rows, columns].astype(np.float64)
    places = np.stack([np.ones(pixels.size), rows, columns], axis=1)
    planes = np.linalg.lstsq(places, colours, rcond=None)[0]
    left = np.square(colours - places @ planes).sum()
    if left > (1 - _EXPLAINED) * np.square(colours - colours.mean(axis=0)).sum():
        return FLAT
    return Trend(planes.astype(np.float32))
