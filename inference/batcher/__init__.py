"""Many awaiters, one run: batches form while the model is busy."""

from inference.batcher.batching import Batcher
from inference.batcher.model import BatchSettings, Model, count_cores
from inference.batcher.observing import BatchObserver, BatchRun, DropReason, Unobserved

__all__ = [
    "BatchObserver",
    "BatchRun",
    "BatchSettings",
    "Batcher",
    "DropReason",
    "Model",
    "Unobserved",
    "count_cores",
]
