"""How is what happens to every task counted at next to no cost? In dictionaries, read by scrapes.

Prometheus's own counters take a lock and check their labels each time. These belong to one thread,
the event loop's, which also writes the answers to scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

Place = tuple[str, ...]
"""One value for each label."""


class Tally(Collector):
    """A counter for each place."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], *, registry: CollectorRegistry
    ) -> None:
        self._family = name, text, None, labels
        self._sums: defaultdict[Place, float] = defaultdict(float)
        registry.register(self)

    def add(self, place: Place, amount: float = 1.0) -> None:
        """Count something."""
        self._sums[place] += amount

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Tell the counts."""
        family = CounterMetricFamily(*self._family)
        for place, value in self._sums.items():
            family.add_metric(place, value)
        yield family


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
        self._cells: dict[Place, list[int]] = {}
        self._sums: defaultdict[Place, float] = defaultdict(float)
        registry.register(self)

    def observe(self, place: Place, value: float) -> None:
        """Count a value."""
        cells = self._cells.get(place)
        if cells is None:
            cells = self._cells[place] = [0] * (len(self._bounds) + 1)
        cells[bisect_left(self._bounds, value)] += 1
        self._sums[place] += value

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Tell how the values are spread."""
        family = HistogramMetricFamily(*self._family)
        ends = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        for place, cells in self._cells.items():
            buckets = list(zip(ends, accumulate(cells), strict=True))
            family.add_metric(place, buckets, self._sums[place])
        yield family
