"""How often may one API key ask? A rate that lets some unused calls be saved up; off by default."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Annotated

import msgspec

from protocol.errors import RateLimited

SWEEP_ABOVE = 1_000
"""So many keys are remembered before those that have nothing to wait for are dropped."""


class RateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often one API key may ask; 0: as often as it likes."""

    requests_per_minute: Annotated[int, msgspec.Meta(ge=0)] = 0
    """HTTP requests, whatever they ask for; status and getResponse among them."""
    tasks_per_minute: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Tasks, over sockets and HTTP together; ping, authentication and getResponse are none."""
    burst_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 60.0
    """How many seconds' worth may come at once: with 1, 600 a minute mean 10 a second."""


class RateLimiter:
    """Counts calls by key: the generic cell rate algorithm (ITU-T I.371), one number for each key.

    The number is when the key will have used up all that it may save; it may lie so far ahead of
    now as the burst is long.
    """

    def __init__(
        self,
        per_minute: int,
        burst_s: float,
        what: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_minute = per_minute
        self._step_s = 60 / per_minute if per_minute else 0.0
        self._ahead_s = max(burst_s, self._step_s)
        self._what = what
        self._clock = clock
        self._used_until: dict[str, float] = {}

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self._per_minute > 0

    def count(self, key_id: str) -> None:
        """Count a call; raises RateLimited, and counts nothing, where it is one too many."""
        if not self._per_minute:
            return
        now = self._clock()
        used_until = max(now, self._used_until.get(key_id, now)) + self._step_s
        wait_s = used_until - now - self._ahead_s
        if wait_s > 1e-6:  # sums of steps are not exact
            raise RateLimited(
                f"More than {self._per_minute:,} {self._what} a minute with this API key; "
                f"try again in {math.ceil(wait_s)} s.",
                retry_after_s=wait_s,
            )
        self._used_until[key_id] = used_until
        if len(self._used_until) > SWEEP_ABOVE:
            self._used_until = {k: until for k, until in self._used_until.items() if until > now}
