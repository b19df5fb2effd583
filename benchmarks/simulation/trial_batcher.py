"""The real batcher for the trial, with a network that sleeps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulation.events import BatchStation, Simulation
from benchmarks.simulation.figures import MachineFigures
from benchmarks.simulation.trial import Seen, arrivals, beside, offer
from inference.batcher import Batcher, BatchSettings
from inference.models import Row

BATCH = MachineFigures("batches", cores=1, core_ms=0.0, batch=8, batch_ms=100.0, item_ms=25.0)


class SleepingModel:
    """A network whose runs take a known time."""

    row = Row(name="sleeping", task="segment", file="sleeping.onnx")
    is_on_gpu = True
    memory_bytes = 1

    def __init__(self) -> None:
        self.stretched: list[float] = []
        """How much longer than it should each run took."""

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        begun, sleep_s = time.perf_counter(), BATCH.run_ms(len(batch)) / 1e3
        time.sleep(sleep_s)
        self.stretched.append((time.perf_counter() - begun) / sleep_s)
        return batch

    def trim(self) -> None:
        """Nothing to give back."""


async def try_batcher(loads: Sequence[float], tasks: int, rounds: int) -> dict[str, Any]:
    """Offer the batcher so much of what its model can do, and ask the model of it the same."""
    found: dict[str, Any] = {}
    item = np.zeros(1, np.float32)
    for load in loads:
        model = SleepingModel()
        batcher = Batcher(model, BatchSettings(max_size=BATCH.batch, queue_limit=10_000))

        async def send(batcher: Batcher = batcher) -> None:
            await batcher.run(item)

        times = arrivals(load * BATCH.batch * 1e3 / BATCH.run_ms(BATCH.batch), tasks)
        real, told = [], []
        for _ in range(rounds):
            model.stretched.clear()
            real.append(await offer(send, times))
            told.append(batches_of(times, model.stretched))
        found[f"load {load:g}"] = beside(real, batches_of(times), told)
        await batcher.close()
    return found


def batches_of(times: Sequence[float], stretched: Sequence[float] = ()) -> Seen:
    """Run the same arrivals through the model of a GPU; it may be told how long each run took."""
    simulation = Simulation()
    left = iter(list(stretched))

    def run_s(count: int) -> float:
        return BATCH.run_ms(count) / 1e3 * next(left, 1.0)

    gpu = BatchStation(simulation, BATCH.batch, run_s)
    took: list[float] = []

    def arrive(at: float) -> None:
        gpu.enter(lambda: took.append((simulation.now - at) * 1e3))

    for at in times:
        simulation.after(at, arrive, at)
    simulation.run()
    return Seen(took, simulation.now)
