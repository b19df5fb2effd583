"""Where does a task wait between gateway and worker? In a lane of its pool's stream."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from benchmarks.simulation.events import Simulation, Station
from benchmarks.simulation.figures import OWN_SHARE, BrokerFigures

INTERACTIVE = "i"
BULK_LANES = 8


@dataclass(slots=True, eq=False)
class Task:
    """One task on its way."""

    tenant: str
    submitted_at: float
    lane: str = INTERACTIVE
    ended_at: float = -1.0

    @property
    def took_s(self) -> float:
        """From the client's frame to its result."""
        return self.ended_at - self.submitted_at


class Receives(Protocol):
    """A worker, as the broker knows it."""

    def receive(self, task: Task) -> None:
        """Take a task that was asked for."""


class Broker:
    """A server: work on the streams that all pools share is done one after another."""

    def __init__(self, simulation: Simulation, figures: BrokerFigures) -> None:
        self.simulation = simulation
        self.figures = figures
        self.shared = Station(simulation, 1)


class Stream:
    """The tasks of one pool, by lane; workers have requests open in each, served round robin."""

    def __init__(self, broker: Broker, quota: int = 2_000) -> None:
        self.backlog = 0
        """Tasks that wait here or are held by a worker: what the autoscaler reads."""
        self._simulation = broker.simulation
        self._hop_s = broker.figures.hop_s
        # Half of a task's work at the broker is done when it comes, half when it ends.
        self._shared_s = broker.figures.task_s / 2
        self._own_s = self._shared_s * OWN_SHARE
        self._own, self._shared = Station(broker.simulation, 1), broker.shared
        self._quota = quota
        self._kept: Counter[tuple[str, str]] = Counter()
        self._waiting: dict[str, deque[Task]] = {lane: deque() for lane in lanes()}
        self._asking: dict[str, deque[tuple[Receives, int]]] = {lane: deque() for lane in lanes()}

    def publish(self, task: Task) -> bool:
        """Take a task; False: its tenant has too many in this lane."""
        key = task.lane, task.tenant
        if self._kept[key] >= self._quota:
            return False
        self._kept[key] += 1
        self.backlog += 1
        self._simulation.after(self._hop_s, self._write, lambda: self._store(task))
        return True

    def settle(self, task: Task, then: Callable[[], None]) -> None:
        """Write down the end of a task, remove it, and bring its result to the gateway."""

        def written() -> None:
            self._kept[task.lane, task.tenant] -= 1
            self.backlog -= 1
            self._simulation.after(self._hop_s, then)

        self._write(written)

    def ask(self, lane: str, worker: Receives, count: int) -> None:
        """Open a request for so many tasks."""
        self._asking[lane].append((worker, count))
        self._deliver(lane)

    def withdraw(self, worker: Receives) -> None:
        """Close a worker's requests."""
        for lane, requests in self._asking.items():
            self._asking[lane] = deque(entry for entry in requests if entry[0] is not worker)

    def give_back(self, task: Task) -> None:
        """Hand a task out again, before all others of its lane."""
        self._waiting[task.lane].appendleft(task)
        self._deliver(task.lane)

    def _write(self, then: Callable[[], None]) -> None:
        self._own.enter(self._own_s, lambda: self._shared.enter(self._shared_s, then))

    def _store(self, task: Task) -> None:
        self._waiting[task.lane].append(task)
        self._deliver(task.lane)

    def _deliver(self, lane: str) -> None:
        waiting, asking = self._waiting[lane], self._asking[lane]
        while waiting and asking:
            worker, count = asking.popleft()
            if count > 1:
                asking.append((worker, count - 1))
            self._simulation.after(self._hop_s, worker.receive, waiting.popleft())


def lanes() -> tuple[str, ...]:
    """Name the lanes: one for a tenant's first tasks, eight for the rest."""
    return (INTERACTIVE, *(f"b{number}" for number in range(BULK_LANES)))
