"""What does everything take? Measured where it was measured, and said to be assumed where not."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"

OWN_SHARE = 2 / 4
"""Of six writes that a task makes at the broker two go to its pool's own stream (published,
acknowledged) and four to streams that all pools share (the job, its end, its result, its charge):
what is shared is busy first, and what is a pool's own for half as long."""


@dataclass(frozen=True, slots=True)
class BrokerFigures:
    """A JetStream server or cluster: what it can do, and what it adds to a task that is alone."""

    name: str
    tasks_per_s: float
    added_ms: float

    @property
    def task_s(self) -> float:
        """How long one task occupies what all pools share."""
        return 1 / self.tasks_per_s

    @property
    def hop_s(self) -> float:
        """One way: to the broker, to the worker, back to the gateway are three."""
        return max(0.0, (self.added_ms / 1e3 - self.task_s * (1 + OWN_SHARE)) / 3)


SINGLE = BrokerFigures("one server", 1_700, 1.6)
CLUSTER = BrokerFigures("three servers, three copies", 1_540, 3.1)
SYNCED = BrokerFigures("one server, each write synced", 486, 2.5)
"""Whole tasks through server 2.10.27: one gateway and two workers that do nothing, on two cores
that the server shares with them. A floor: a server with cores of its own does more."""


@dataclass(frozen=True, slots=True)
class MachineFigures:
    """One worker: its cores, and what a picture takes of them and of its GPU."""

    name: str
    cores: int
    core_ms: float
    """On one core, from decoding to encoding; with a GPU without the model's run."""
    variation: float = 0.3
    """Standard deviation over mean of `core_ms`, drawn log-normal: pictures differ."""
    slots: int = 0
    """Tasks in work at once; 0: two more than cores."""
    batch: int = 0
    """Largest batch of the GPU; 0: there is none."""
    batch_ms: float = 0.0
    """A run takes `batch_ms + item_ms * pictures`."""
    item_ms: float = 0.0

    @property
    def slot_count(self) -> int:
        """Tasks in work at once."""
        return self.slots or self.cores + 2

    @property
    def tasks_per_s(self) -> float:
        """The most that it can do."""
        most = 1e3 * self.cores / self.core_ms
        if self.batch:
            most = min(most, 1e3 * self.batch / self.run_ms(self.batch))
        return most

    def run_ms(self, pictures: int) -> float:
        """How long a batch takes on the GPU."""
        return self.batch_ms + self.item_ms * pictures

    def core_s(self, random: Random) -> float:
        """Draw what one picture takes of a core."""
        if not self.variation:
            return self.core_ms / 1e3
        spread = _log_spread(self.variation)
        return self.core_ms / 1e3 * random.lognormvariate(-(spread**2) / 2, spread)


@dataclass(frozen=True, slots=True)
class Figures:
    """All that the model is fed with."""

    gateway_ms: float
    cpu: MachineFigures
    gpu: MachineFigures
    broker: BrokerFigures = SINGLE

    def listed(self) -> dict[str, Any]:
        """Say each figure and where it is from."""
        return {
            "gateway_ms_per_task": {"value": self.gateway_ms, "from": "results/gateway.json"},
            "cpu_worker": {
                "cores": self.cpu.cores,
                "core_ms_per_picture": self.cpu.core_ms,
                "from": "results/service.json: all stages of a 1 MP cut-out",
            },
            "gpu_worker": {
                "cores": self.gpu.cores,
                "core_ms_per_picture": self.gpu.core_ms,
                "from": "results/service.json: all stages but the model",
                "batch": self.gpu.batch,
                "batch_ms": self.gpu.batch_ms,
                "item_ms": self.gpu.item_ms,
                "assumed": ["batch_ms", "item_ms"],
            },
            "variation": {"value": self.cpu.variation, "assumed": True},
            "broker": {
                one.name: {"tasks_per_s": one.tasks_per_s, "added_ms": one.added_ms}
                for one in (SINGLE, CLUSTER, SYNCED)
            },
        }


def measured() -> Figures:
    """Read the committed results of the benchmarks."""
    stages = _read("service.json")["one_client"]["stages_p50_ms"]
    whole_ms = round(sum(stages.values()), 1)
    return Figures(
        gateway_ms=_read("gateway.json")["loop_us_per_task"]["service x1"] / 1e3,
        cpu=MachineFigures("CPU, 8 cores", cores=8, core_ms=whole_ms),
        gpu=MachineFigures(
            "GPU, 16 cores",
            cores=16,
            core_ms=round(whole_ms - stages["model"], 1),
            slots=48,
            batch=16,
            batch_ms=4.0,
            item_ms=1.5,
        ),
    )


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / name).read_text(encoding="utf-8"))
    return found


def _log_spread(variation: float) -> float:
    return math.sqrt(math.log(1 + variation**2))
