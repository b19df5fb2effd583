"""How often may one API key ask? A rate that lets some unused calls be saved up; off by default."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Protocol

import msgspec

from inference.quantities import CountOrNone
from protocol.errors import RateLimited

SWEEP_ABOVE = 1_000
"""So many keys are remembered before those that have nothing to wait for are dropped."""


class RateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often one API key may ask; 0: as often as it likes."""

    requests_per_minute: CountOrNone = 0
    """HTTP requests, whatever they ask for; status and getResponse among them."""
    tasks_per_minute: CountOrNone = 0
    """Tasks, over sockets and HTTP together; ping, authentication and getResponse are none."""
    burst_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 60.0
    """How many seconds' worth may come at once: with 1, 600 a minute mean 10 a second."""


class CountsCalls(Protocol):
    """A limiter of calls by key."""

    @property
    def what(self) -> str:
        """What it counts, by the same name at every gateway."""

    def let_through(self) -> dict[str, int]:
        """Tell how many calls of each key passed since this was last asked."""

    def add(self, key: str, calls: int) -> None:
        """Count calls that passed elsewhere."""


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
        self.what = what
        self.is_limited = per_minute > 0
        """Whether there is any limit."""
        self._clock = clock
        self._used_until: dict[str, float] = {}
        self._passed: Counter[str] = Counter()
        self._sweep_above = SWEEP_ABOVE

    def count(self, key_id: str) -> None:
        """Count a call; raises RateLimited, and counts nothing, where it is one too many."""
        if not self.is_limited:
            return
        now = self._clock()
        used_until = max(now, self._used_until.get(key_id, now)) + self._step_s
        wait_s = used_until - now - self._ahead_s
        if wait_s > 1e-6:  # sums of steps are not exact
            raise RateLimited(
                f"More than {self._per_minute:,} {self.what} a minute with this API key; "
                f"try again in {math.ceil(wait_s)} s.",
                retry_after_s=wait_s,
            )
        self._used_until[key_id] = used_until
        self._passed[key_id] += 1
        if len(self._used_until) > self._sweep_above:
            known = {k: until for k, until in self._used_until.items() if until > now}
            self._passed = Counter({k: calls for k, calls in self._passed.items() if k in known})
            self._used_until, self._sweep_above = known, max(SWEEP_ABOVE, 2 * len(known))

    def let_through(self) -> dict[str, int]:
        """Tell how many calls of each key passed since this was last asked."""
        passed, self._passed = self._passed, Counter()
        return passed

    def add(self, key_id: str, calls: int) -> None:
        """Count calls that passed at another gateway, too many or not."""
        now = self._clock()
        used_until = max(now, self._used_until.get(key_id, now)) + calls * self._step_s
        self._used_until[key_id] = used_until
