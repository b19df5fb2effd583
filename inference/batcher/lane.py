"""Who waits for a model, and on which threads does it run for them?"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from inference.batcher.model import BatchSettings, count_cores
from inference.batcher.waiting import Entry
from inference.crew import step_back


class CpuTurns:
    """Runs of all models of a CPU at once: one a core, and behind them one fewer.

    Those behind have turns of their own: none ahead waits for one that the kernel keeps waiting.
    """

    def __init__(self, cores: int) -> None:
        self.ahead = threading.Semaphore(cores)
        self.behind = threading.Semaphore(max(1, cores - 1))


def _stay() -> None:
    """Run as the process does."""


@dataclass(slots=True, eq=False)
class Lane:
    """Items in line, first in first out, and the threads that run them."""

    name: str
    runners: int
    lock: threading.RLock
    """The batcher's: one for all its lanes."""
    turns: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Held for each run."""
    enter_thread: Callable[[], None] = _stay
    """What each thread does first."""
    queue: deque[Entry] = field(default_factory=deque)
    has_begun: bool = False
    changed: threading.Condition = field(init=False)
    """Told of work, and of the end."""

    def __post_init__(self) -> None:
        self.changed = threading.Condition(self.lock)


def make_lanes(
    settings: BatchSettings, turns: CpuTurns | None, *, is_on_gpu: bool
) -> Sequence[Lane]:
    """Make the lane ahead and, on a CPU, the one behind; on a GPU all share their batches."""
    lock = threading.RLock()
    if is_on_gpu:
        return (Lane("ahead", settings.runners or 1, lock),)
    runners = settings.runners or count_cores()
    ahead, behind = (turns.ahead, turns.behind) if turns else (nullcontext(), nullcontext())
    return (
        Lane("ahead", runners, lock, ahead),
        Lane("behind", max(1, runners - 1), lock, behind, step_back),
    )
