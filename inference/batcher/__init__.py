"""Many awaiters, one run: batches form while the model is busy."""

from inference.batcher.batching import Batcher
from inference.batcher.lane import CpuTurns
from inference.batcher.model import BatchSettings, Model, count_cores
from inference.batcher.observing import BatchObserver, BatchRun, DropReason, Unobserved

__all__ = [
    "BatchObserver",
    "BatchRun",
    "BatchSettings",
    "Batcher",
    "CpuTurns",
    "DropReason",
    "Model",
    "Unobserved",
    "count_cores",
]
