"""How is what happens to every task counted at next to no cost? In dictionaries, read by scrapes.

Prometheus's own counters take a lock and check their labels each time. These belong to one thread,
the event loop's, which also writes the answers to scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

Place = tuple[str, ...]
"""One value for each label."""


class Sum:
    """What was counted at one place."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: Any = 0
        """Of whatever kind is added: Decimals are fast to add up, and slow to make floats of."""

    def add(self, amount: float = 1.0) -> None:
        """Count something."""
        self.value += amount


class Tally(Collector):
    """A counter for each place."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], *, registry: CollectorRegistry
    ) -> None:
        self._family = name, text, None, labels
        self._sums: defaultdict[Place, Sum] = defaultdict(Sum)
        registry.register(self)

    def at(self, *place: str) -> Sum:
        """Give the counter of a place, which may be kept."""
        return self._sums[place]

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Tell the counts."""
        family = CounterMetricFamily(*self._family)
        for place, counted in self._sums.items():
            family.add_metric(place, counted.value)
        yield family


class Cells:
    """How the values that were seen at one place are spread over the buckets."""

    __slots__ = ("_bounds", "cells", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.cells = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.cells[bisect_left(self._bounds, value)] += 1
        self.sum += value


class Spread(Collector):
    """A histogram for each place; `bounds` are the buckets' upper ends."""

    def __init__(
        self,
        name: str,
        text: str,
        labels: Sequence[str],
        *,
        bounds: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        self._family = name, text, None, None, labels
        self._bounds = tuple(bounds)
        self._places: dict[Place, Cells] = {}
        registry.register(self)

    def at(self, *place: str) -> Cells:
        """Give the histogram of a place, which may be kept."""
        found = self._places.get(place)
        if found is None:
            found = self._places[place] = Cells(self._bounds)
        return found

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Tell how the values are spread."""
        family = HistogramMetricFamily(*self._family)
        ends = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        for place, seen in self._places.items():
            buckets = list(zip(ends, accumulate(seen.cells), strict=True))
            family.add_metric(place, buckets, seen.sum)
        yield family
