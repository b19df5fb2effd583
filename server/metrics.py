"""Every metric, declared once; label values come from bounded sets."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from inference.batcher.observing import BatchRun, DropReason
from protocol.jobs import Outcome
from protocol.task_errors import code_of

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
BATCHES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """What Prometheus is told."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self.tasks = Counter(
            "cutwire_tasks",
            "Tasks that ended, by type and outcome.",
            ("task_type", "outcome"),
            registry=self._registry,
        )
        self.task_seconds = Histogram(
            "cutwire_task_seconds",
            "From admission to the end of a task.",
            ("task_type",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.stage_seconds = Histogram(
            "cutwire_stage_seconds",
            "One stage of a task.",
            ("stage",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.cost = Counter(
            "cutwire_cost_usd", "Cost of finished tasks.", ("task_type",), registry=self._registry
        )
        self.refused = Counter(
            "cutwire_refused",
            "Elements of messages that never became a task, by error code.",
            ("code",),
            registry=self._registry,
        )
        self.connections = Gauge(
            "cutwire_connections", "WebSockets that are open.", registry=self._registry
        )
        self.sessions = Gauge(
            "cutwire_sessions", "Sessions, with or without a connection.", registry=self._registry
        )
        self.queued = Gauge(
            "cutwire_queued", "Tasks that wait.", ("lane",), registry=self._registry
        )
        self.running = Gauge("cutwire_running", "Tasks in work.", registry=self._registry)
        self.batch_size = Histogram(
            "cutwire_batch_size",
            "Items in one model run.",
            ("model",),
            buckets=BATCHES,
            registry=self._registry,
        )
        self.model_wait_seconds = Histogram(
            "cutwire_model_wait_seconds",
            "From an item's arrival at its model to its run.",
            ("model",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.model_run_seconds = Histogram(
            "cutwire_model_run_seconds",
            "One model run.",
            ("model",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.model_queued = Gauge(
            "cutwire_model_queued",
            "Items that wait for a model.",
            ("model",),
            registry=self._registry,
        )
        self.model_dropped = Counter(
            "cutwire_model_dropped",
            "Items that left a model's queue without a run.",
            ("model", "reason"),
            registry=self._registry,
        )

        self.deliveries = Counter(
            "cutwire_deliveries",
            "Tries to hand over a webhook or an upload, by what became of them.",
            ("kind", "outcome"),
            registry=self._registry,
        )
        self.delivery_seconds = Histogram(
            "cutwire_delivery_seconds",
            "One try to hand over a webhook or an upload.",
            ("kind",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.pending_deliveries = Gauge(
            "cutwire_deliveries_pending",
            "Webhooks and uploads that wait or are under way.",
            registry=self._registry,
        )

    def settled(self, outcome: Outcome, seconds: float) -> None:
        """Count a task that ended."""
        task_type = outcome.job.task.task_type
        ended = "success" if outcome.fault is None else code_of(outcome.fault.error())
        self.tasks.labels(task_type, ended).inc()
        self.task_seconds.labels(task_type).observe(seconds)
        self.cost.labels(task_type).inc(float(outcome.cost))
        for stage, took_ms in outcome.stages_ms.items():
            self.stage_seconds.labels(stage).observe(took_ms / 1e3)

    def batch_queued(self, model: str, depth: int) -> None:
        """Tell how many items wait for a model."""
        self.model_queued.labels(model).set(depth)

    def batch_ran(self, model: str, run: BatchRun) -> None:
        """Count a model run."""
        self.batch_size.labels(model).observe(run.size)
        self.model_run_seconds.labels(model).observe(run.run_s)
        for wait_s in run.waits_s:
            self.model_wait_seconds.labels(model).observe(wait_s)

    def batch_dropped(self, model: str, reason: DropReason) -> None:
        """Count an item that was not run."""
        self.model_dropped.labels(model, reason).inc()

    def delivery_tried(self, kind: str, outcome: str, seconds: float) -> None:
        """Count one try of a delivery; both names come from small sets."""
        self.deliveries.labels(kind, outcome).inc()
        self.delivery_seconds.labels(kind).observe(seconds)

    def deliveries_pending(self, count: int) -> None:
        """Tell how many deliveries have not ended."""
        self.pending_deliveries.set(count)

    def text(self) -> bytes:
        """Write everything in the exposition format."""
        return generate_latest(self._registry)
