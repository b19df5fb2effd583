"""Whose turn is it: deficit round robin over tenants (Shreedhar and Varghese, 1995)."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")

LANE_WEIGHTS = {"interactive": 4.0, "bulk": 1.0}
"""Cost units that a tenant may spend in one round, by lane."""


@dataclass(slots=True)
class _Line(Generic[Item]):
    """One tenant's items in one lane, and what it may still spend in this round."""

    weight: float
    credit: float = 0.0
    items: deque[tuple[float, Item]] = field(default_factory=deque)


class FairQueue(Generic[Item]):
    """Many lines, one per tenant and lane; a long line waits behind itself only."""

    def __init__(self) -> None:
        self._lines: OrderedDict[tuple[str, str], _Line[Item]] = OrderedDict()
        self._sizes: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(self._sizes.values())

    def put(self, tenant: str, lane: str, cost: float, item: Item) -> None:
        """Append an item to its tenant's line."""
        line = self._lines.get((tenant, lane))
        if line is None:
            line = self._lines[tenant, lane] = _Line(LANE_WEIGHTS[lane])
        line.items.append((cost, item))
        self._sizes[tenant] = self._sizes.get(tenant, 0) + 1

    def take(self) -> Item | None:
        """Remove the item whose turn it is, or return None when nothing waits."""
        while self._lines:
            key, line = next(iter(self._lines.items()))
            if line.credit <= 0:
                line.credit += line.weight
                if line.credit <= 0:
                    self._lines.move_to_end(key)
                continue
            cost, item = line.items.popleft()
            line.credit -= cost
            self._leave(key, line)
            return item
        return None

    def size_of(self, tenant: str) -> int:
        """Count the items of a tenant over all lanes."""
        return self._sizes.get(tenant, 0)

    def size_of_line(self, tenant: str, lane: str) -> int:
        """Count the items of a tenant in one lane."""
        line = self._lines.get((tenant, lane))
        return len(line.items) if line else 0

    def size_by_lane(self) -> dict[str, int]:
        """Count the items of each lane."""
        sizes = dict.fromkeys(LANE_WEIGHTS, 0)
        for (_, lane), line in self._lines.items():
            sizes[lane] += len(line.items)
        return sizes

    def remove(self, matches: Callable[[Item], bool]) -> list[Item]:
        """Remove and return the items that match."""
        removed: list[Item] = []
        for key, line in list(self._lines.items()):
            keep: deque[tuple[float, Item]] = deque()
            for entry in line.items:
                if matches(entry[1]):
                    removed.append(entry[1])
                else:
                    keep.append(entry)
            self._sizes[key[0]] -= len(line.items) - len(keep)
            line.items = keep
            self._drop_if_empty(key, line)
        return removed

    def __iter__(self) -> Iterator[Item]:
        for line in self._lines.values():
            for _, item in line.items:
                yield item

    def _leave(self, key: tuple[str, str], line: _Line[Item]) -> None:
        self._sizes[key[0]] -= 1
        if line.credit <= 0:
            self._lines.move_to_end(key)
        self._drop_if_empty(key, line)

    def _drop_if_empty(self, key: tuple[str, str], line: _Line[Item]) -> None:
        if not line.items:
            self._lines.pop(key, None)
        if not self._sizes.get(key[0]):
            self._sizes.pop(key[0], None)
