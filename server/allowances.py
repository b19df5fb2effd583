"""What may an API key still ask for? Its task types, its rate and its budget, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from protocol.jobs import Job
from protocol.tasks import JobTask
from server.auth import Caller
from server.budgets import Budgets
from server.rates import RateLimiter


class BudgetShares(Protocol):
    """Knows which part of a key's budget this process may spend."""

    async def share(self, job: Job, budget: Decimal) -> Decimal:
        """Tell it for a task that comes now; raises InsufficientCredits where it is too small."""


class WholeBudgets:
    """One process has all of every budget."""

    async def share(self, _: Job, budget: Decimal) -> Decimal:
        """Give all of it."""
        return budget


@dataclass(frozen=True, slots=True)
class Allowances:
    """The limits of keys, for every way in."""

    tasks: RateLimiter
    budgets: Budgets
    shares: BudgetShares

    def check(self, caller: Caller, task: JobTask) -> None:
        """Let a task pass, before anything of it is done.

        Raises:
            InsufficientPermissions: the key does not allow this task type.
            RateLimited: it has asked for too many tasks.
        """
        if caller.task_types:
            caller.check_may(task.task_type)
        if self.tasks.is_limited:
            self.tasks.count(caller.key_id)

    async def reserve(self, caller: Caller, job: Job) -> None:
        """Set the price of a job aside; raises InsufficientCredits."""
        if caller.monthly_budget is not None:
            self.budgets.reserve(job, await self.shares.share(job, caller.monthly_budget))

    def release(self, job: Job) -> None:
        """Give it back: the job was not taken."""
        self.budgets.release(job)
