"""Whose turn is it? Tenants take turns, and one host cannot take all of a tenant's places."""

from __future__ import annotations

import heapq
import itertools
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from server.deliveries.outbox import Entry

_Waiting = tuple[float, int, Entry]


@dataclass(slots=True)
class _Host:
    """The deliveries of one tenant to one host."""

    busy: int = 0
    parked: deque[_Waiting] = field(default_factory=deque)
    """Due, and waiting for one of the host's places."""


@dataclass(slots=True)
class _Tenant:
    busy: int = 0
    size: int = 0
    """Deliveries that wait or are under way."""
    waiting: list[_Waiting] = field(default_factory=list)
    """A heap: what is due first is on top."""
    hosts: dict[str, _Host] = field(default_factory=dict)


class Schedule:
    """Hands out what is due. A plain object: no await.

    Slow and dead receivers fill their own places: no host fills its tenant's, no tenant the
    service's. However many hosts a tenant has, a step costs the logarithm of what waits.
    """

    def __init__(self, *, in_all: int, per_tenant: int, per_host: int) -> None:
        self._in_all = in_all
        self._per_tenant = per_tenant
        self._per_host = per_host
        self._tenants: OrderedDict[str, _Tenant] = OrderedDict()
        self._known: set[str] = set()
        self._busy = 0
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._known)

    def size_of(self, tenant: str) -> int:
        """Count a tenant's deliveries that have not ended."""
        known = self._tenants.get(tenant)
        return known.size if known else 0

    def add(self, entry: Entry, due: float) -> None:
        """Take up a delivery that may be tried from `due` on; a known one is left as it is."""
        if entry.id in self._known:
            return
        self._known.add(entry.id)
        tenant = self._tenants.setdefault(entry.tenant, _Tenant())
        tenant.size += 1
        self._wait(tenant, entry, due)

    def take(self, now: float) -> Entry | None:
        """Hand out a delivery to be tried now; `again` or `drop` gives its place back."""
        if self._busy >= self._in_all:
            return None
        for name, tenant in self._tenants.items():
            entry = self._take_from(tenant, now)
            if entry is not None:
                self._tenants.move_to_end(name)
                return entry
        return None

    def next_due(self) -> float | None:
        """When the next of those that have a place is due; None: not before a place is free."""
        if self._busy >= self._in_all:
            return None
        dues = (
            tenant.waiting[0][0]
            for tenant in self._tenants.values()
            if tenant.waiting and tenant.busy < self._per_tenant
        )
        return min(dues, default=None)

    def again(self, entry: Entry, due: float) -> None:
        """Put back a delivery that was tried, for another try."""
        self._wait(self._give_back(entry), entry, due)

    def drop(self, entry: Entry) -> None:
        """Forget a delivery that was tried and has ended."""
        tenant = self._give_back(entry)
        self._known.discard(entry.id)
        tenant.size -= 1
        if not tenant.size:
            del self._tenants[entry.tenant]

    def _take_from(self, tenant: _Tenant, now: float) -> Entry | None:
        if tenant.busy >= self._per_tenant:
            return None
        while tenant.waiting and tenant.waiting[0][0] <= now:
            first = heapq.heappop(tenant.waiting)
            entry = first[2]
            host = tenant.hosts.setdefault(entry.host, _Host())
            if host.busy < self._per_host:
                host.busy += 1
                tenant.busy += 1
                self._busy += 1
                return entry
            host.parked.append(first)
        return None

    def _wait(self, tenant: _Tenant, entry: Entry, due: float) -> None:
        heapq.heappush(tenant.waiting, (due, next(self._order), entry))

    def _give_back(self, entry: Entry) -> _Tenant:
        tenant = self._tenants[entry.tenant]
        host = tenant.hosts[entry.host]
        self._busy -= 1
        tenant.busy -= 1
        host.busy -= 1
        if host.parked:
            heapq.heappush(tenant.waiting, host.parked.popleft())
        elif not host.busy:
            del tenant.hosts[entry.host]
        return tenant
