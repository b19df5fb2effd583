"""How many jobs of one tenant may run at once? As many as can, while no other tenant is about.

Jobs are not interrupted. If one tenant's ran in every place, another's would wait for the first of
them to end, and then share the machine with all the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from inference.local_engine.settings import LocalEngineSettings
from protocol.jobs import Job, Pool


class Shares:
    """The running jobs of each tenant, and which tenants have been asking."""

    def __init__(self, settings: LocalEngineSettings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._active_s = settings.active_s
        self._most: dict[Pool, int] = {
            "compute": settings.running_per_tenant,
            "fetch": settings.fetching_per_tenant,
        }
        self._running: Counter[tuple[Pool, str]] = Counter()
        self._latest = ("", float("-inf"))
        self._latest_other = ("", float("-inf"))

    def asked(self, tenant: str) -> None:
        """Note that a tenant has work."""
        if tenant != self._latest[0]:
            self._latest_other = self._latest
        self._latest = (tenant, self._clock())

    def began(self, job: Job) -> None:
        """Note that a job runs."""
        self._running[job.pool, job.tenant] += 1

    def ended(self, job: Job) -> None:
        """Note that it does no longer."""
        self._running[job.pool, job.tenant] -= 1
        if not self._running[job.pool, job.tenant]:
            del self._running[job.pool, job.tenant]

    def of(self, pool: Pool) -> Callable[[str], bool]:
        """Tell which tenants may begin another job in a pool."""
        most = self._most[pool]

        def may_begin(tenant: str) -> bool:
            return not most or self._running[pool, tenant] < most or self._is_alone(tenant)

        return may_begin

    def _is_alone(self, tenant: str) -> bool:
        name, asked_at = self._latest if self._latest[0] != tenant else self._latest_other
        return not name or self._clock() - asked_at > self._active_s
