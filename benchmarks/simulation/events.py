"""What happens next? An event loop on a heap, and the stations that work passes through."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from typing import Any

Then = Callable[[], None]


class Simulation:
    """Virtual time. Two runs with one seed are the same run: ties go in the order of planning."""

    def __init__(self, seed: int = 0) -> None:
        self.now = 0.0
        self.random = random.Random(seed)
        self._planned: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = itertools.count()

    def after(self, delay_s: float, action: Callable[..., None], *arguments: Any) -> None:
        """Plan an action."""
        entry = (self.now + delay_s, next(self._order), action, arguments)
        heapq.heappush(self._planned, entry)

    def run(self, until_s: float = float("inf")) -> None:
        """Let everything happen that is planned up to a time, or until nothing is."""
        while self._planned and self._planned[0][0] <= until_s:
            self.now, _, action, arguments = heapq.heappop(self._planned)
            action(*arguments)
        if until_s < float("inf"):
            self.now = until_s


class Station:
    """So many servers and one line, first come first served."""

    def __init__(self, simulation: Simulation, servers: int) -> None:
        self.busy_s = 0.0
        self._simulation = simulation
        self._free = servers
        self._line: deque[tuple[float, Then]] = deque()

    def enter(self, service_s: float, then: Then) -> None:
        """Be served for so long when the turn comes, and go on."""
        if self._free:
            self._free -= 1
            self._serve(service_s, then)
        else:
            self._line.append((service_s, then))

    def _serve(self, service_s: float, then: Then) -> None:
        self.busy_s += service_s
        self._simulation.after(service_s, self._leave, then)

    def _leave(self, then: Then) -> None:
        if self._line:
            self._serve(*self._line.popleft())
        else:
            self._free += 1
        then()


class BatchStation:
    """One server that takes all that waits, up to a limit, whenever it is free; it has no timer."""

    def __init__(
        self, simulation: Simulation, max_size: int, run_s: Callable[[int], float]
    ) -> None:
        self.busy_s = 0.0
        self.sizes: list[int] = []
        self._simulation = simulation
        self._max_size = max_size
        self._run_s = run_s
        self._line: deque[Then] = deque()
        self._is_busy = False

    def enter(self, then: Then) -> None:
        """Run in the next batch that has room."""
        self._line.append(then)
        if not self._is_busy:
            self._is_busy = True
            # What arrives at this very instant goes along, as it does in the batcher.
            self._simulation.after(0.0, self._run)

    def _run(self) -> None:
        batch = [self._line.popleft() for _ in range(min(len(self._line), self._max_size))]
        run_s = self._run_s(len(batch))
        self.busy_s += run_s
        self.sizes.append(len(batch))
        self._simulation.after(run_s, self._end, batch)

    def _end(self, batch: list[Then]) -> None:
        for then in batch:
            then()
        if self._line:
            self._run()
        else:
            self._is_busy = False
