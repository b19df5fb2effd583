"""How often one tenant may call one edit endpoint: a count for each minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import msgspec

from protocol.errors import RateLimited

WINDOW_S = 60.0


class EditSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of the edit endpoints."""

    requests_per_minute: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Of one tenant to one endpoint, the status service among them; 0: no such limit."""


class EditQuota:
    """Counts requests; tenants and endpoints are few and known, so the counts are too."""

    def __init__(self, settings: EditSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = settings.requests_per_minute
        self._clock = clock
        self._counts: dict[tuple[str, str], tuple[float, int]] = {}

    def count(self, tenant: str, endpoint: str) -> None:
        """Count a request; raises RateLimited where it is one too many."""
        if not self._limit:
            return
        now = self._clock()
        begun, count = self._counts.get((tenant, endpoint), (now, 0))
        if now - begun >= WINDOW_S:
            begun, count = now, 0
        if count >= self._limit:
            raise RateLimited(
                f"More than {self._limit:,} requests to this endpoint in a minute.",
                retry_after_s=begun + WINDOW_S - now,
            )
        self._counts[tenant, endpoint] = (begun, count + 1)
