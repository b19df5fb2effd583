"""Which tenants have had work lately? One of them, or several."""

from __future__ import annotations

from collections.abc import Callable


class Company:
    """Remembers who came last, and who came last of all others: no more is asked for."""

    def __init__(self, active_s: float, clock: Callable[[], float]) -> None:
        self._active_s = active_s
        self._clock = clock
        self._latest = ("", float("-inf"))
        self._latest_other = ("", float("-inf"))

    def came(self, tenant: str) -> None:
        """Note that a tenant has work."""
        if tenant != self._latest[0]:
            self._latest_other = self._latest
        self._latest = (tenant, self._clock())

    def is_alone(self, tenant: str) -> bool:
        """Tell whether no other tenant came within `active_s`."""
        name, came_at = self._latest if self._latest[0] != tenant else self._latest_other
        return not name or self._clock() - came_at > self._active_s
