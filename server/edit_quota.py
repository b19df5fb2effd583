"""How often one tenant may call one edit endpoint: a count for each minute."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec

from inference.quantities import CountOrNone
from protocol.errors import RateLimited

WINDOW_S = 60.0


class EditSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of the edit endpoints."""

    requests_per_minute: CountOrNone = 0
    """Of one tenant to one endpoint, the status service among them; 0: no such limit."""


class EditQuota:
    """Counts requests; tenants and endpoints are few and known, so the counts are too."""

    what: Final = "edits"

    def __init__(self, settings: EditSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = settings.requests_per_minute
        self._clock = clock
        self._counts: dict[str, tuple[float, int]] = {}
        self._passed: Counter[str] = Counter()

    def count(self, tenant: str, endpoint: str) -> None:
        """Count a request; raises RateLimited where it is one too many."""
        if not self._limit:
            return
        key = f"{tenant}/{endpoint}"
        now = self._clock()
        begun, count = self._counted(key, now)
        if count >= self._limit:
            raise RateLimited(
                f"More than {self._limit:,} requests to this endpoint in a minute.",
                retry_after_s=begun + WINDOW_S - now,
            )
        self._counts[key] = (begun, count + 1)
        self._passed[key] += 1

    def let_through(self) -> dict[str, int]:
        """Tell how many requests passed since this was last asked, by tenant and endpoint."""
        passed, self._passed = self._passed, Counter()
        return passed

    def add(self, key: str, requests: int) -> None:
        """Count requests that passed at another gateway, too many or not."""
        begun, count = self._counted(key, self._clock())
        self._counts[key] = (begun, count + requests)

    def _counted(self, key: str, now: float) -> tuple[float, int]:
        """Tell since when is counted, and what."""
        begun, count = self._counts.get(key, (now, 0))
        return (now, 0) if now - begun >= WINDOW_S else (begun, count)
