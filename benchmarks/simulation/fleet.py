"""The whole service: gateways, a broker with one stream a pool, workers, and who sends tasks."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.simulation.autoscaler import STEP_S, Autoscaler, ScalingRule
from benchmarks.simulation.broker import BULK_LANES, INTERACTIVE, Broker, Stream, Task
from benchmarks.simulation.events import Simulation, Station
from benchmarks.simulation.figures import SINGLE, BrokerFigures, MachineFigures
from benchmarks.simulation.worker import Worker

Rate = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is bought, and how it is set."""

    machine: MachineFigures
    workers: int
    gateways: int = 1
    gateway_ms: float = 0.0
    pools: int = 1
    """Streams; each has so many workers."""
    broker: BrokerFigures = SINGLE
    prefetch: int = 16
    interactive_per_tenant: int = 32
    has_lanes: bool = True
    """False: all tasks wait in one line, as they came."""
    quota: int = 2_000


@dataclass(slots=True)
class Fleet:
    """Runs a plan in a simulation, and remembers what ended."""

    simulation: Simulation
    plan: Plan
    ended: list[Task] = field(default_factory=list)
    refused: int = 0
    workers: list[Worker] = field(default_factory=list)
    streams: list[Stream] = field(init=False)
    _gateways: Station = field(init=False)
    _outstanding: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        broker = Broker(self.simulation, self.plan.broker)
        self.streams = [Stream(broker, self.plan.quota) for _ in range(self.plan.pools)]
        self._gateways = Station(self.simulation, self.plan.gateways)
        for stream in self.streams:
            for _ in range(self.plan.workers):
                self.add_worker(stream)

    def add_worker(self, stream: Stream) -> None:
        """Start a worker of a pool; it takes tasks at once."""
        made = Worker(self.simulation, stream, self.plan.machine, self._end, self.plan.prefetch)
        self.workers.append(made)

    def submit(self, tenant: str) -> None:
        """Have a client of a tenant send one task."""
        task = Task(tenant, self.simulation.now)
        self._gateways.enter(self.plan.gateway_ms / 1e3, lambda: self._publish(task))

    def _publish(self, task: Task) -> None:
        stream = self.streams[zlib.crc32(task.tenant.encode()) // 8 % len(self.streams)]
        if self.plan.has_lanes and (
            self._outstanding[task.tenant] >= self.plan.interactive_per_tenant
        ):
            task.lane = f"b{zlib.crc32(task.tenant.encode()) % BULK_LANES}"
        self._outstanding[task.tenant] += task.lane == INTERACTIVE
        if not stream.publish(task):
            self._outstanding[task.tenant] -= task.lane == INTERACTIVE
            self.refused += 1

    def _end(self, task: Task) -> None:
        self._outstanding[task.tenant] -= task.lane == INTERACTIVE
        task.ended_at = self.simulation.now
        self.ended.append(task)


def send_at_random(
    fleet: Fleet, rate: Rate, peak: float, until_s: float, tenants: Sequence[str]
) -> None:
    """Tasks of independent clients: a Poisson process, thinned (Lewis and Shedler, 1979)."""
    simulation = fleet.simulation

    def next_one() -> None:
        if simulation.now >= until_s:
            return
        if simulation.random.random() * peak < rate(simulation.now):
            fleet.submit(simulation.random.choice(tenants))
        simulation.after(simulation.random.expovariate(peak), next_one)

    simulation.after(simulation.random.expovariate(peak), next_one)


class Operator:
    """Starts and stops the workers of a fleet with one pool, as the autoscaler says."""

    def __init__(self, fleet: Fleet, rule: ScalingRule) -> None:
        self.worker_s = 0.0
        self._fleet = fleet
        self._rule = rule
        self._autoscaler = Autoscaler(rule)
        self._starting = 0
        self._looked_at = 0.0
        self._look()

    @property
    def count(self) -> int:
        """Workers that are paid for: ready and starting."""
        return len(self._fleet.workers) + self._starting

    def _look(self) -> None:
        now = self._fleet.simulation.now
        self.worker_s += self.count * (now - self._looked_at)
        self._looked_at = now
        wanted = self._autoscaler.decide(now, self.count, self._fleet.streams[0].backlog)
        for _ in range(wanted - self.count):
            self._starting += 1
            self._fleet.simulation.after(self._rule.start_s, self._started)
        for _ in range(min(self.count - wanted, len(self._fleet.workers))):
            self._fleet.workers.pop().stop()
        self._fleet.simulation.after(STEP_S, self._look)

    def _started(self) -> None:
        self._starting -= 1
        self._fleet.add_worker(self._fleet.streams[0])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that such a share of all does not exceed; 0 for none."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def latencies_ms(tasks: Sequence[Task]) -> dict[str, float]:
    """Sum up how long tasks took."""
    took = sorted(task.took_s * 1e3 for task in tasks)
    return {
        name: round(percentile(took, share), 1)
        for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99))
    }
