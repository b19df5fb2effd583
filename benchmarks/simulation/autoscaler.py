"""How many workers should there be? What Kubernetes' HPA does with the backlog KEDA gives it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

TOLERANCE = 0.1
STEP_S = 15.0
"""The HPA looks every 15 s, and in that time it doubles or adds 4, whichever is more."""


@dataclass(frozen=True, slots=True)
class ScalingRule:
    """A ScaledObject."""

    tasks_per_replica: float
    minimum: int = 1
    maximum: int = 10
    start_s: float = 60.0
    """From the decision to the first task: a node, an image, the model's load and warm-up."""
    stabilise_s: float = 300.0
    """Goes down to the most that was wanted within so long."""
    cooldown_s: float = 300.0
    """With a minimum of 0, how long nothing must have waited before the last one goes."""


class Autoscaler:
    """Decides; others start and stop."""

    def __init__(self, rule: ScalingRule) -> None:
        self._rule = rule
        self._wanted: deque[tuple[float, int]] = deque()
        self._active_at = 0.0

    def decide(self, now: float, current: int, backlog: int) -> int:
        """Say how many there should be from now on; `current` counts those that start."""
        if backlog:
            self._active_at = now
        if not current:
            return max(self._rule.minimum, min(1, backlog))
        wanted = self._within(self._by_backlog(current, backlog))
        self._wanted.append((now, wanted))
        while self._wanted[0][0] < now - self._rule.stabilise_s:
            self._wanted.popleft()
        if wanted > current:
            return min(wanted, max(2 * current, current + 4))
        stable = min(current, max(count for _, count in self._wanted))
        is_idle = now - self._active_at >= self._rule.cooldown_s
        return stable if stable or is_idle else 1

    def _by_backlog(self, current: int, backlog: int) -> int:
        if abs(backlog / (self._rule.tasks_per_replica * current) - 1) <= TOLERANCE:
            return current
        return math.ceil(backlog / self._rule.tasks_per_replica)

    def _within(self, count: int) -> int:
        return max(self._rule.minimum, min(self._rule.maximum, count))
