"""Who waits for a model run, and how is each of them told its outcome?"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from inference.batcher.observing import DropReason
from protocol.errors import CutwireError, TaskCancelled, TaskTimedOut

Outcome = NDArray[Any] | CutwireError


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """One item and its awaiter. Only `settle` touches the future, and only on its own loop."""

    item: NDArray[Any]
    future: asyncio.Future[NDArray[Any]]
    deadline: float | None
    gone: Callable[[], bool]
    queued_at: float

    def settle(self, outcome: Outcome) -> None:
        """Give the awaiter its outcome, unless it has one; on its own loop."""
        if self.future.done():
            return
        if isinstance(outcome, CutwireError):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)

    def fits(self, other: Entry) -> bool:
        """Whether both can be in one batch."""
        return self.item.shape == other.item.shape and self.item.dtype == other.item.dtype


def find_reason_to_drop(entry: Entry, now: float) -> DropReason | None:
    """Say why nobody wants this result, if so."""
    if entry.future.done():
        return "cancelled"
    if entry.deadline is not None and now >= entry.deadline:
        return "late"
    try:
        return "gone" if entry.gone() else None
    # Foreign code: what it raises must not stop a runner that serves everybody.
    except Exception:  # noqa: BLE001
        return None


def drop_error(reason: DropReason) -> CutwireError:
    """Return what the awaiter of a dropped item is told."""
    if reason == "late":
        return TaskTimedOut("The task's time was over before its model run began.")
    return TaskCancelled("The task was dropped before its model run began.")


def deliver(outcomes: Iterable[tuple[Entry, Outcome]]) -> None:
    """Settle entries on their own loops; a loop that is closed has nobody left to tell."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Entry, Outcome]]] = {}
    for entry, outcome in outcomes:
        by_loop.setdefault(entry.future.get_loop(), []).append((entry, outcome))
    for loop, pairs in by_loop.items():
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, pairs)


def _settle(pairs: list[tuple[Entry, Outcome]]) -> None:
    for entry, outcome in pairs:
        entry.settle(outcome)
