"""How do samples reach the trainer: worker processes fill shared memory, in a fixed order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawArray
from queue import Empty
from types import TracebackType
from typing import Any

import numpy as np

from inference.training.compose import make_sample
from inference.training.sources import Bytes, Stock


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides a batch besides its number."""

    seed: int
    batch: int
    photo_share: float = 0.35


@dataclass(frozen=True, slots=True)
class Batch:
    """RGB (N, S, S, 3) and masks (N, S, S), copies that the caller owns."""

    index: int
    rgb: Bytes
    masks: Bytes


def make_batch(stock: Stock, recipe: Recipe, index: int, size: int) -> Batch:
    """Make batch number `index`: the same number always gives the same pixels."""
    samples = [
        make_sample(stock, (recipe.seed, index, row), size, recipe.photo_share)
        for row in range(recipe.batch)
    ]
    rgb = np.stack([sample.rgb for sample in samples])
    return Batch(index, rgb, np.stack([sample.mask for sample in samples]))


class Loader:
    """Batches from `workers` processes that share the stock; 0 makes them in this process.

    Batches come out in order whatever worker made them. `size` may change between batches:
    those already under way keep the size they were asked for.
    """

    def __init__(
        self, stock: Stock, recipe: Recipe, *, workers: int, largest: int, ahead: int = 0
    ) -> None:
        self.size = largest
        self._stock, self._recipe, self._workers = stock, recipe, workers
        self._ahead = ahead or 2 * workers + 2
        self._largest = largest
        self._waits: dict[int, tuple[int, int]] = {}
        self._processes: list[Any] = []

    def __enter__(self) -> Loader:
        if self._workers:
            self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()

    def batches(self, first: int = 0) -> Iterator[Batch]:
        """Yield batch `first`, `first + 1` and so on, without end."""
        index = first
        if not self._workers:
            while True:
                yield make_batch(self._stock, self._recipe, index, self.size)
                index += 1
        for slot in range(self._ahead):
            self._asked.put((index + slot, self.size, slot))
        while True:
            yield self._take(index)
            index += 1

    def _take(self, index: int) -> Batch:
        while index not in self._waits:
            number, size, slot = self._next_made()
            self._waits[number] = (size, slot)
        size, slot = self._waits.pop(index)
        rgb, masks = _views(self._slots[slot], self._recipe.batch, size)
        batch = Batch(index, rgb.copy(), masks.copy())
        self._asked.put((index + self._ahead, self.size, slot))
        return batch

    def _next_made(self) -> tuple[int, int, int]:
        while True:
            try:
                made: tuple[int, int, int] = self._made.get(timeout=5)
                return made
            except Empty:
                if not all(process.is_alive() for process in self._processes):
                    raise RuntimeError("a loader process died") from None

    def _start(self) -> None:
        # fork: the stock is shared as it is, and never written to.
        context = multiprocessing.get_context("fork")
        length = self._recipe.batch * self._largest * self._largest * 4
        self._slots = [RawArray("B", length) for _ in range(self._ahead)]
        self._asked, self._made = context.Queue(), context.Queue()
        for _ in range(self._workers):
            process = context.Process(target=self._work, daemon=True)
            process.start()
            self._processes.append(process)

    def _work(self) -> None:
        while True:
            index, size, slot = self._asked.get()
            batch = make_batch(self._stock, self._recipe, index, size)
            rgb, masks = _views(self._slots[slot], self._recipe.batch, size)
            rgb[...], masks[...] = batch.rgb, batch.masks
            self._made.put((index, size, slot))


def _views(slot: Any, batch: int, size: int) -> tuple[Bytes, Bytes]:
    flat = np.frombuffer(slot, np.uint8)
    cut = batch * size * size * 3
    rgb = flat[:cut].reshape(batch, size, size, 3)
    return rgb, flat[cut : cut + batch * size * size].reshape(batch, size, size)
