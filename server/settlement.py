"""The end of every task: its price, a metric, a log line, spans, its inline pictures dropped."""

from __future__ import annotations

import logging
import time

import msgspec

from inference.stores import Disposal
from protocol.jobs import Outcome
from protocol.task_errors import code_of
from server.budgets import Budgets
from server.metrics import Metrics
from server.pricing import PriceTable
from server.tracing import NO_TRACES, Traces

_log = logging.getLogger("cutwire.tasks")


class Settlement:
    """Told once for each task that ended: its outcome is on the disk, and not delivered yet."""

    def __init__(
        self,
        metrics: Metrics,
        prices: PriceTable,
        disposal: Disposal,
        budgets: Budgets,
        traces: Traces = NO_TRACES,
    ) -> None:
        self._metrics = metrics
        self._prices = prices
        self._disposal = disposal
        self._budgets = budgets
        self._traces = traces

    def priced(self, outcome: Outcome) -> Outcome:
        """Fix what a task costs; one that failed costs nothing."""
        if outcome.product is None:
            return outcome
        cost = self._prices.price(outcome.job.task, outcome.product)
        return msgspec.structs.replace(outcome, cost=cost)

    async def settled(self, outcome: Outcome) -> None:
        """Count and log a task, and have the pictures that came inside it deleted."""
        now = time.time()
        seconds = max(0.0, now - outcome.job.submitted_at)
        self._budgets.settle(outcome)
        self._metrics.settled(outcome, seconds)
        self._traces.ended(outcome, now)
        if _log.isEnabledFor(logging.INFO):
            self._log(outcome, seconds)
        self._disposal.drop_inputs(outcome.job)

    def _log(self, outcome: Outcome, seconds: float) -> None:
        job, fault = outcome.job, outcome.fault
        extra = {
            "task_type": job.task.task_type,
            "task_uuid": job.task.task_uuid,
            "tenant": job.tenant,
            "seconds": round(seconds, 4),
            "stages_ms": outcome.stages_ms,
        }
        if trace_id := self._traces.trace_id(job):
            extra["trace_id"] = trace_id
        if fault is None:
            _log.info("task done", extra=extra | {"cost_usd": str(outcome.cost)})
        else:
            code = code_of(fault.error())
            _log.info("task failed", extra=extra | {"code": code, "detail": fault.detail})
