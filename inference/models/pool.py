"""Which models are loaded? On first use, once, within a memory budget; least used lately leaves."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.models.catalogue import Catalogue
from inference.models.row import Row, Task
from inference.models.tensors import to_input, to_mask
from protocol.errors import CutwireError, ModelUnavailable, ShuttingDown


def never() -> bool:
    """Nobody has gone."""
    return False


class LoadedNet(Protocol):
    """A model in memory, as `open_net` returns it: a Batcher round a Session, or a fake."""

    @property
    def row(self) -> Row:
        """The row, completed from its file."""
        ...

    async def run(
        self,
        item: NDArray[Any],
        deadline: float | None = None,
        *,
        gone: Callable[[], bool] = never,
        is_behind: bool = False,
    ) -> NDArray[Any]:
        """Run one item."""
        ...

    async def close(self) -> None:
        """Finish and let go of the memory."""


@dataclass(eq=False, slots=True)
class _Slot:
    row: Row
    bytes: int = 0
    users: int = 0
    used: int = 0
    load: asyncio.Task[LoadedNet] | None = None
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_loaded(self) -> bool:
        """Whether the net is there."""
        return self.load is not None and self.load.done()


@dataclass(frozen=True, slots=True)
class Net:
    """A model to run. It stays usable when evicted meanwhile: it is then loaded again."""

    row: Row
    pool: ModelPool

    def prepare(self, rgb: NDArray[np.uint8]) -> NDArray[Any]:
        """Turn H×W×3 sRGB pixels into one input of the model."""
        return to_input(rgb, self.row)

    def finish(self, output: NDArray[Any]) -> NDArray[np.float32]:
        """Turn one output into a mask h×w in 0…1, at the model's own size."""
        return to_mask(output, self.row)

    async def run(
        self,
        item: NDArray[Any],
        deadline: float | None = None,
        *,
        gone: Callable[[], bool] = never,
        is_behind: bool = False,
    ) -> NDArray[Any]:
        """Return the model's output for one item; raises what Batcher.run raises."""
        async with self.pool.lease(self.row) as net:
            return await net.run(item, deadline=deadline, gone=gone, is_behind=is_behind)


class ModelPool:
    """Loaded models by name, for one event loop. `open_net` blocks and is called in a thread."""

    def __init__(
        self,
        catalogue: Catalogue,
        open_net: Callable[[Row, Path], LoadedNet],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalogue = catalogue
        self._open_net = open_net
        self._clock = clock
        self._limit_bytes = catalogue.settings.memory_bytes or machine_memory_bytes() // 2
        self._slots: dict[str, _Slot] = {}
        self._leaving: set[_Slot] = set()
        self._failures: dict[str, tuple[float, CutwireError]] = {}
        self._room = asyncio.Lock()
        self._uses = itertools.count(1)
        self._is_closing = False

    async def network(self, name: str = "", task: Task = "segment") -> Net:
        """Return a model by a client's name for it, loaded; no name means the task's default.

        Raises UnsupportedParameter for an unknown name, ModelUnavailable if it is not here.
        """
        async with self.lease(self._catalogue.find(name, task)) as net:
            return Net(net.row, self)

    async def load(self, row: Row) -> None:
        """Load a model ahead of its first use."""
        async with self.lease(row):
            pass

    def loaded(self) -> list[str]:
        """Return the names of the models in memory."""
        return [name for name, slot in self._slots.items() if slot.is_loaded]

    @contextlib.asynccontextmanager
    async def lease(self, row: Row) -> AsyncIterator[LoadedNet]:
        """Load the model if need be, and keep it from being evicted meanwhile."""
        slot = self._slot(row)
        slot.users += 1
        slot.used = next(self._uses)
        slot.idle.clear()
        try:
            assert slot.load is not None
            # Shielded: the load serves others too, and is kept when this awaiter goes.
            yield await asyncio.shield(slot.load)
        finally:
            slot.users -= 1
            if not slot.users:
                slot.idle.set()

    async def close(self) -> None:
        """Finish all runs and let go of all models."""
        self._is_closing = True
        slots = [*self._slots.values(), *self._leaving]
        self._slots.clear()
        await asyncio.gather(*(self._release(slot) for slot in slots))

    def _slot(self, row: Row) -> _Slot:
        if self._is_closing:
            raise ShuttingDown("The service is shutting down.")
        slot = self._slots.get(row.name)
        if slot is None:
            self._check_failures(row.name)
            slot = self._slots[row.name] = _Slot(row)
            slot.load = asyncio.create_task(self._load(slot), name=f"load {row.name}")
            # An error that every awaiter was too early to see is still seen.
            slot.load.add_done_callback(lambda load: load.cancelled() or load.exception())
        return slot

    def _check_failures(self, name: str) -> None:
        until, error = self._failures.pop(name, (0.0, None))
        if error is not None and self._clock() < until:
            self._failures[name] = (until, error)
            raise type(error)(error.message, detail=error.detail)

    async def _load(self, slot: _Slot) -> LoadedNet:
        row = slot.row
        try:
            path = self._catalogue.path(row)
            async with self._room:
                await self._make_room(slot, row.memory_bytes or 3 * path.stat().st_size)
            return await asyncio.to_thread(self._open_net, row, path)
        except CutwireError as exc:
            self._fail(slot, exc)
            raise
        # Foreign code: whatever it raises, the model is not there.
        except Exception as exc:
            error = ModelUnavailable(f"Model '{row.name}' does not load.", detail=repr(exc))
            self._fail(slot, error)
            raise error from exc

    def _fail(self, slot: _Slot, error: CutwireError) -> None:
        """Forget the slot: the next request tries again, though not at once."""
        slot.bytes = 0
        if self._slots.get(slot.row.name) is slot:
            del self._slots[slot.row.name]
        until = self._clock() + self._catalogue.settings.retry_load_after_s
        self._failures[slot.row.name] = (until, error)

    async def _make_room(self, slot: _Slot, need_bytes: int) -> None:
        """Evict until the model fits, then reserve its memory; callers queue for it."""
        if need_bytes > self._limit_bytes:
            raise ModelUnavailable(
                f"Model '{slot.row.name}' needs more memory than this service gives to models.",
                detail=f"{need_bytes:,} bytes; models.memory_bytes allows {self._limit_bytes:,}",
            )
        while self._reserved_bytes() + need_bytes > self._limit_bytes:
            victim = min(
                (other for other in self._slots.values() if other.bytes),
                key=lambda other: (other.users > 0, other.used),
            )
            del self._slots[victim.row.name]
            await self._release(victim)
        slot.bytes = need_bytes

    def _reserved_bytes(self) -> int:
        return sum(slot.bytes for slot in (*self._slots.values(), *self._leaving))

    async def _release(self, slot: _Slot) -> None:
        """Wait until nobody uses the model, then close it."""
        self._leaving.add(slot)
        try:
            assert slot.load is not None
            if slot.users:
                await slot.idle.wait()
            with contextlib.suppress(CutwireError):
                await (await asyncio.shield(slot.load)).close()
        finally:
            self._leaving.discard(slot)


def machine_memory_bytes() -> int:
    """Return how much memory this machine, or the container's limit, gives us."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        return min(physical, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return physical
