"""What is told about batches: runs, waits, drops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

DropReason = Literal["cancelled", "gone", "late"]


class BatchObserver(Protocol):
    """Who counts batches. Called from any thread; must be quick and must not raise."""

    def batch_queued(self, model: str, depth: int) -> None:
        """`depth` items wait now."""

    def batch_ran(self, model: str, run: BatchRun) -> None:
        """A model run has ended, well or not."""

    def batch_dropped(self, model: str, reason: DropReason) -> None:
        """An item left the queue without being run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRun:
    """One model run: its items, how long each had waited, how long it took.

    `is_retry`: part of a batch that failed. `is_fixed`: the model takes one item at a time,
    whatever waits.
    """

    size: int
    waits_s: tuple[float, ...]
    run_s: float
    is_ok: bool
    is_retry: bool
    is_fixed: bool


class Unobserved:
    """Counts nothing."""

    def batch_queued(self, model: str, depth: int) -> None:
        """Ignore it."""

    def batch_ran(self, model: str, run: BatchRun) -> None:
        """Ignore it."""

    def batch_dropped(self, model: str, reason: DropReason) -> None:
        """Ignore it."""
