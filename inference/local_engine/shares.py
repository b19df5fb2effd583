"""How many jobs of one tenant may run at once? Many while it is alone, though never all that can.

Jobs are not interrupted. If one tenant's ran in every place, another's would wait for the first of
them to end, and then share the machine with all the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from inference.company import Company
from inference.local_engine.settings import LocalEngineSettings
from protocol.jobs import Job, Pool


class Shares:
    """The running jobs of each tenant, and how many they may be."""

    def __init__(self, settings: LocalEngineSettings, clock: Callable[[], float]) -> None:
        self._company = Company(settings.active_s, clock)
        self._most: dict[Pool, int] = {
            "compute": settings.running_per_tenant,
            "fetch": settings.fetching_per_tenant,
        }
        self._most_alone: dict[Pool, int] = {
            "compute": settings.running_alone,
            "fetch": settings.fetching_alone,
        }
        self._running: Counter[tuple[Pool, str]] = Counter()

    def asked(self, tenant: str) -> None:
        """Note that a tenant has work."""
        self._company.came(tenant)

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

        def may_begin(tenant: str) -> bool:
            is_alone = self._company.is_alone(tenant)
            most = (self._most_alone if is_alone else self._most)[pool]
            return not most or self._running[pool, tenant] < most

        return may_begin
