"""What is a decoded picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Picture:
    """Upright sRGB pixels: `rgb` is H×W×3, `alpha` H×W and straight, None where all is opaque."""

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that are no picture."""
        if self.rgb.dtype != np.uint8 or self.rgb.ndim != 3 or self.rgb.shape[2] != 3:
            raise ValueError(_complaint("rgb", self.rgb, "H×W×3"))
        if self.rgb.size == 0:
            raise ValueError("a picture must have at least one pixel")
        if self.alpha is None:
            return
        if self.alpha.dtype != np.uint8 or self.alpha.shape != self.rgb.shape[:2]:
            raise ValueError(_complaint("alpha", self.alpha, f"{self.height}×{self.width}"))

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.rgb.shape[0])

    @property
    def pixels(self) -> int:
        """Columns times rows."""
        return self.width * self.height


def _complaint(name: str, array: NDArray[np.uint8], wanted: str) -> str:
    shape = "×".join(str(side) for side in array.shape)
    return f"{name} must be uint8 of shape {wanted}, not {array.dtype} of shape {shape}"
