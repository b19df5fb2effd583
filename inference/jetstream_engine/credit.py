"""How many tasks of each lane may a worker hold ahead of those in work?"""

from __future__ import annotations

from collections import Counter
from typing import Final

LEAST: Final = 2


class Credit:
    """The tasks that wait here, by lane; the lanes that have some share what is held ahead."""

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead
        self._waiting: Counter[str] = Counter()

    def use(self, lane: str) -> None:
        """Count a task that waits."""
        self._waiting[lane] += 1

    def give_back(self, lane: str) -> None:
        """Note that a task waits no longer."""
        self._waiting[lane] -= 1
        if not self._waiting[lane]:
            del self._waiting[lane]

    def of(self, lane: str) -> int:
        """How many more a lane may hold."""
        others = len(self._waiting) - (lane in self._waiting)
        return max(LEAST, self._ahead // (1 + others)) - self._waiting[lane]
