"""Whose turn is it: deficit round robin over tenants (Shreedhar and Varghese, 1995).

Who has not been asking has the next turn, as sparse flows have in RFC 8290: a client that sends one
task now and then waits behind nobody's flood.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")

LANE_WEIGHTS = {"interactive": 1.0, "bulk": 0.25}
"""Cost units that a tenant may spend in one round, by lane."""


def everyone(_: str) -> bool:
    """Let every tenant have its turn."""
    return True


@dataclass(slots=True)
class _Line(Generic[Item]):
    """One tenant's items in one lane, and what it may still spend in this round."""

    weight: float
    credit: float = 0.0
    items: deque[tuple[float, Item]] = field(default_factory=deque)


class FairQueue(Generic[Item]):
    """Many lines, one per tenant and lane; a long line waits behind itself only.

    A line that became empty keeps its place until its next turn: nobody comes before the others
    again by sending one item at a time.
    """

    def __init__(self) -> None:
        self._fresh: OrderedDict[tuple[str, str], _Line[Item]] = OrderedDict()
        self._lines: OrderedDict[tuple[str, str], _Line[Item]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, tenant: str, lane: str, cost: float, item: Item) -> None:
        """Append an item to its tenant's line."""
        key = (tenant, lane)
        line = self._find(key)
        if line is None:
            line = _Line(LANE_WEIGHTS[lane])
            (self._fresh if lane == "interactive" else self._lines)[key] = line
        line.items.append((cost, item))
        self._size += 1

    def take(self, may_go: Callable[[str], bool] = everyone) -> Item | None:
        """Remove the item whose turn it is among the tenants that may go; None: there is none."""
        while (found := self._next(may_go)) is not None:
            key, line = found
            if not line.items:
                del self._lines[key]
                continue
            if line.credit <= 0:
                line.credit += line.weight
                if line.credit <= 0:
                    self._to_the_end(key, line)
                continue
            cost, item = line.items.popleft()
            self._size -= 1
            line.credit -= cost
            if line.credit <= 0 or not line.items:
                line.credit = min(0.0, line.credit)
                self._to_the_end(key, line)
            return item
        return None

    def size_of_line(self, tenant: str, lane: str) -> int:
        """Count the items of a tenant in one lane."""
        line = self._find((tenant, lane))
        return len(line.items) if line else 0

    def size_by_lane(self) -> dict[str, int]:
        """Count the items of each lane."""
        sizes = dict.fromkeys(LANE_WEIGHTS, 0)
        for (_, lane), line in self._all():
            sizes[lane] += len(line.items)
        return sizes

    def remove(self, matches: Callable[[Item], bool]) -> list[Item]:
        """Remove and return the items that match."""
        removed: list[Item] = []
        for _, line in self._all():
            keep: deque[tuple[float, Item]] = deque()
            for entry in line.items:
                if matches(entry[1]):
                    removed.append(entry[1])
                else:
                    keep.append(entry)
            line.items = keep
        self._size -= len(removed)
        for key in [key for key, line in self._fresh.items() if not line.items]:
            del self._fresh[key]
        return removed

    def __iter__(self) -> Iterator[Item]:
        for _, line in self._all():
            for _, item in line.items:
                yield item

    def _all(self) -> Iterator[tuple[tuple[str, str], _Line[Item]]]:
        yield from self._fresh.items()
        yield from self._lines.items()

    def _find(self, key: tuple[str, str]) -> _Line[Item] | None:
        return self._fresh.get(key) or self._lines.get(key)

    def _next(self, may_go: Callable[[str], bool]) -> tuple[tuple[str, str], _Line[Item]] | None:
        for key, line in self._fresh.items():
            if line.items and may_go(key[0]):
                return key, line
        for key, line in self._lines.items():
            if not line.items or may_go(key[0]):
                return key, line
        return None

    def _to_the_end(self, key: tuple[str, str], line: _Line[Item]) -> None:
        if self._fresh.pop(key, None) is not None:
            self._lines[key] = line
        else:
            self._lines.move_to_end(key)
