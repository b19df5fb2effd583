"""Where in its budget is a run, and what follows: learning rate and picture size."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: (part of the budget from which it holds, picture size): small pictures first.
Sizes = tuple[tuple[float, int], ...]
SIZES: dict[str, Sizes] = {
    "tiny": ((0.0, 32), (0.5, 64)),
    "cpu": ((0.0, 128), (0.35, 160), (0.6, 192), (0.85, 224)),
    "gpu": ((0.0, 192), (0.3, 256), (0.7, 320)),
}


@dataclass(frozen=True, slots=True)
class Budget:
    """A run ends when its minutes or its samples are used up, whichever is given."""

    minutes: float = 0.0
    samples: int = 0

    def used(self, elapsed_s: float, samples: int) -> float:
        """Which part is used, from 0 to 1 and beyond."""
        by_time = elapsed_s / (self.minutes * 60) if self.minutes else 0.0
        by_count = samples / self.samples if self.samples else 0.0
        return max(by_time, by_count)


def learning_rate(peak: float, used: float, step: int, warm_up: int = 300) -> float:
    """Linear warm-up over the first steps, then a cosine down to a hundredth of the peak."""
    falling = 0.5 * (1 + math.cos(math.pi * min(used, 1.0)))
    return peak * min(1.0, (step + 1) / warm_up) * max(falling, 0.01)


def picture_size(sizes: Sizes, used: float) -> int:
    """The picture size that holds at this part of the budget."""
    return [size for start, size in sizes if used >= start][-1]


def largest_size(sizes: Sizes) -> int:
    """The largest size that the run will ask for."""
    return max(size for _, size in sizes)
