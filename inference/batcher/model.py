"""What does a batcher run, in batches of which size, and how many at once?"""

from __future__ import annotations

import os
from typing import Annotated, Any, Protocol

import msgspec
from numpy.typing import NDArray

from inference.models.row import Row
from inference.quantities import Count, SecondsOrNone

GPU_BATCH = 16


class BatchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Batching. 0 chooses: on a CPU batches of 1, a runner per core; on a GPU of 16, one runner."""

    max_size: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 0
    """Pictures in one run of a model."""
    runners: Annotated[int, msgspec.Meta(ge=0, le=512)] = 0
    """Runs of one model at once. On a CPU all models together have no more turns than cores."""
    queue_limit: Count = 256
    """Pictures that may wait for one model; more are refused with serviceUnavailable."""
    trim_after_s: SecondsOrNone = 30.0
    """A model that has not run for so long gives back what a burst took; 0: it keeps it."""


class Model(Protocol):
    """What a batcher runs: a Session, or a fake."""

    @property
    def row(self) -> Row:
        """What the model is."""
        ...

    @property
    def is_on_gpu(self) -> bool:
        """Whether a GPU runs it."""
        ...

    @property
    def memory_bytes(self) -> int:
        """Return how much memory it takes."""
        ...

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Run stacked items."""
        ...

    def trim(self) -> None:
        """Give memory back that only a burst needs."""
        ...


def largest_batch(model: Model, settings: BatchSettings) -> int:
    """Tell how many items may run together."""
    if model.row.is_fixed_batch:
        return 1
    return settings.max_size or (GPU_BATCH if model.is_on_gpu else 1)


def count_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
