"""What does a worker do? Holds a few tasks of each lane, takes turns, computes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable

from benchmarks.simulation.broker import INTERACTIVE, Stream, Task, lanes
from benchmarks.simulation.events import BatchStation, Simulation, Station
from benchmarks.simulation.figures import MachineFigures
from inference.fair_queue import FairQueue

Ended = Callable[[Task], None]

ACTIVE_S = 10.0
"""How long after its last task a tenant still counts as having work: `engine.active_s`."""


class Worker:
    """One process. Whose turn it is says the service's own queue: this is its code, not a model."""

    def __init__(
        self,
        simulation: Simulation,
        stream: Stream,
        machine: MachineFigures,
        ended: Ended,
        prefetch: int = 16,
    ) -> None:
        self.cores = Station(simulation, machine.cores)
        self.gpu = BatchStation(simulation, machine.batch, lambda n: machine.run_ms(n) / 1e3)
        self._simulation = simulation
        self._stream = stream
        self._machine = machine
        self._ended = ended
        self._prefetch = prefetch
        self._queue: FairQueue[Task] = FairQueue()
        self._waiting: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._asked_at: dict[str, float] = {}
        self._is_stopping = False
        self._ask()

    @property
    def is_gone(self) -> bool:
        """Whether it was stopped and has nothing left."""
        return self._is_stopping and not self._running.total()

    def receive(self, task: Task) -> None:
        """Hold a task until its turn."""
        if self._is_stopping:
            self._stream.give_back(task)
            return
        self._asked[task.lane] -= 1
        self._waiting[task.lane] += 1
        lane = "interactive" if task.lane == INTERACTIVE else "bulk"
        self._asked_at.pop(task.tenant, None)  # the latest is the last in it
        self._asked_at[task.tenant] = self._simulation.now
        self._queue.put(task.tenant, lane, 1.0, task)
        self._begin()

    def stop(self) -> None:
        """Take no more, give back what waits, finish what runs."""
        self._is_stopping = True
        self._stream.withdraw(self)
        for task in reversed(self._queue.remove(lambda _: True)):
            self._stream.give_back(task)

    def _ask(self) -> None:
        busy = sum(count > 0 for count in self._waiting.values())
        for lane in lanes():
            others = busy - (self._waiting[lane] > 0)
            room = max(2, self._prefetch // (1 + others)) - self._waiting[lane]
            if room > 0 and self._asked[lane] <= room // 2:
                self._stream.ask(lane, self, room - self._asked[lane])
                self._asked[lane] = room

    def _begin(self) -> None:
        while self._running.total() < self._machine.slot_count:
            task = self._queue.take(self._may_begin)
            if task is None:
                break
            self._waiting[task.lane] -= 1
            self._running[task.tenant] += 1
            self._compute(task)
        self._ask()

    def _may_begin(self, tenant: str) -> bool:
        """Whether a tenant has its share: one task a core, unless it is alone here."""
        if self._running[tenant] < self._machine.cores:
            return True
        latest = itertools.islice(reversed(self._asked_at), 2)
        other = next((name for name in latest if name != tenant), None)
        return other is None or self._simulation.now - self._asked_at[other] > ACTIVE_S

    def _compute(self, task: Task) -> None:
        def on_cores() -> None:
            if self._machine.batch:
                self.gpu.enter(done)
            else:
                done()

        def done() -> None:
            self._stream.settle(task, ended)

        def ended() -> None:
            # The slot is taken until the end is written down, and not only until it is computed.
            self._running[task.tenant] -= 1
            self._ended(task)
            if not self._is_stopping:
                self._begin()

        self.cores.enter(self._machine.core_s(self._simulation.random), on_cores)
