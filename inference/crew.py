"""On which threads do the steps of tasks run, and who gives way to whom?

We cannot interrupt a step, but the kernel can. While several tenants have work, each has a few
steps at once that run `ahead`, at the process's own priority; what it runs beyond them runs
`behind`, on threads to which the kernel gives what the others leave. So no core rests while there
is work, and a task of one tenant runs beside the flood of another nearly as if it were alone. Work
of a tenant that is alone runs ahead, all of it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from inference.company import Company
from inference.threads import on_thread

Made = TypeVar("Made")

NICENESS = 10
"""Of threads behind. Where both want a core, Linux gives one ahead nine tenths of it."""
ACTIVE_S = 10.0
"""How long after its last step a tenant still counts as having work."""


class Crew:
    """Threads for steps, ahead and behind, for one event loop."""

    def __init__(
        self, threads: int, first: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`first`: how many steps of one tenant run ahead at once while others have work too."""
        self._first = first
        self._company = Company(ACTIVE_S, clock)
        self._steps_ahead: Counter[str] = Counter()
        self._ahead = ThreadPoolExecutor(threads, "cpu")
        self._behind = ThreadPoolExecutor(threads, "cpu-behind", initializer=step_back)

    def of(self, tenant: str) -> Hands:
        """Return what runs the steps of a tenant's tasks."""
        return Hands(self, tenant)

    @contextmanager
    def step(self, tenant: str) -> Iterator[bool]:
        """Count a step for the block, wherever it runs; yields whether it belongs behind."""
        self._company.came(tenant)
        has_its_share = self._steps_ahead[tenant] >= self._first
        if has_its_share and not self._company.is_alone(tenant):
            yield True
            return
        self._steps_ahead[tenant] += 1
        try:
            yield False
        finally:
            self._steps_ahead[tenant] -= 1
            if not self._steps_ahead[tenant]:
                del self._steps_ahead[tenant]

    async def run(self, tenant: str, step: Callable[..., Made], *args: object) -> Made:
        """Run a step of a tenant's task on a thread."""
        with self.step(tenant) as is_behind:
            threads = self._behind if is_behind else self._ahead
            return await on_thread(threads, step, *args)

    def close(self) -> None:
        """Take no more steps; those that run end by themselves."""
        for threads in (self._ahead, self._behind):
            threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Hands:
    """The crew at work for one tenant."""

    crew: Crew
    tenant: str

    def step(self) -> AbstractContextManager[bool]:
        """Count a step for the block; yields whether it belongs behind."""
        return self.crew.step(self.tenant)

    async def run(self, step: Callable[..., Made], *args: object) -> Made:
        """Run a step on a thread."""
        return await self.crew.run(self.tenant, step, *args)


def step_back() -> None:
    """Let the calling thread run where no other wants the core; on Linux alone, for good.

    Elsewhere a niceness is the whole process's: there work behind runs beside the rest.
    """
    if sys.platform != "linux":
        return
    thread = threading.get_native_id()
    with contextlib.suppress(PermissionError):  # where a filter of system calls forbids it
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
