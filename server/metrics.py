"""Every metric, declared once; label values come from bounded sets."""

from __future__ import annotations

from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from inference.batcher.observing import BatchRun, DropReason
from inference.engine import Stats
from protocol.codes import known_codes
from protocol.errors import CutwireError
from protocol.jobs import Outcome
from protocol.task_errors import code_of
from server.defects import Place
from server.tallies import Cells, Spread, Sum, Tally

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LAGS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1)
ALARMING = ("serviceUnavailable", "storageUnavailable")
"""Counted from zero: a rise from nothing would not be seen as one."""
BATCHES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """What Prometheus is told."""

    def __init__(self) -> None:
        from importlib.metadata import version

        # They are a second series for each, which nothing reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._ended: dict[tuple[str, str], tuple[Sum, Cells, Sum, Sum]] = {}
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        build = Info("cutwire_build", "What is running.", registry=self._registry)
        build.info({"version": version("cutwire")})
        self.tasks = Tally(
            "cutwire_tasks",
            "Tasks that ended, by type and outcome.",
            ("task_type", "outcome"),
            registry=self._registry,
        )
        self.task_seconds = Spread(
            "cutwire_task_seconds",
            "From admission to the end of a task.",
            ("task_type",),
            bounds=SECONDS,
            registry=self._registry,
        )
        self.stage_seconds = Spread(
            "cutwire_stage_seconds",
            "One stage of a task; `queue` is from its admission to the begin of its work.",
            ("stage",),
            bounds=SECONDS,
            registry=self._registry,
        )
        self.cost = Tally(
            "cutwire_cost_usd", "Cost of finished tasks.", ("task_type",), registry=self._registry
        )
        self.refused = Counter(
            "cutwire_refused",
            "Elements of messages that never became a task, by error code.",
            ("code",),
            registry=self._registry,
        )
        for code in ALARMING:
            self.refused.labels(self._known(code))
        self.loop_lag = Spread(
            "cutwire_loop_lag_seconds",
            "How late the event loop came to a tick: what held it, or the GIL, when it was due.",
            (),
            bounds=LAGS,
            registry=self._registry,
        )
        self.defects = Counter(
            "cutwire_defects",
            "Exceptions that nobody caught, by where they were: see the log.",
            ("place",),
            registry=self._registry,
        )
        for place in get_args(Place):
            self.defects.labels(place)
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
        self.oldest = Gauge(
            "cutwire_oldest_queued_seconds",
            "How long the oldest task that waits has waited.",
            registry=self._registry,
        )
        self.uncharged = Gauge(
            "cutwire_ledger_pending",
            "Tasks that ended at workers and are not in the ledger yet.",
            registry=self._registry,
        )
        self.engine_up = Gauge(
            "cutwire_engine_up",
            "1: the engine takes tasks; 0: its broker is away.",
            registry=self._registry,
        )
        self.ready = Gauge(
            "cutwire_ready", "1: new tasks are taken here; 0: not now.", registry=self._registry
        )
        self.received_bytes = Tally(
            "cutwire_received_bytes",
            "Bodies and messages that came.",
            ("channel",),
            registry=self._registry,
        )
        self.sent_bytes = Tally(
            "cutwire_sent_bytes",
            "Bodies and messages that went.",
            ("channel",),
            registry=self._registry,
        )
        self.result_bytes = Tally(
            "cutwire_result_bytes",
            "Finished pictures, as stored.",
            ("task_type",),
            registry=self._registry,
        )
        self.model_loads = Counter(
            "cutwire_model_loads",
            "Models opened, by what became of it.",
            ("model", "outcome"),
            registry=self._registry,
        )
        self.model_load_seconds = Histogram(
            "cutwire_model_load_seconds",
            "Opening a model: checksum, session, warm-up.",
            ("model",),
            buckets=SECONDS,
            registry=self._registry,
        )
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
        ended = "success" if outcome.fault is None else self._known(code_of(outcome.fault.error()))
        counts = self._ended.get((task_type, ended))
        if counts is None:
            counts = self._ended[task_type, ended] = (
                self.tasks.at(task_type, ended),
                self.task_seconds.at(task_type),
                self.cost.at(task_type),
                self.result_bytes.at(task_type),
            )
        tasks, spread, cost, result_bytes = counts
        tasks.value += 1
        spread.observe(seconds)
        cost.value += outcome.cost
        if outcome.product is not None:
            result_bytes.value += outcome.product.size_bytes
        for stage, took_ms in outcome.stages_ms.items() if outcome.stages else ():
            self.stage_seconds.at(stage).observe(took_ms / 1e3)

    def element_refused(self, error: CutwireError) -> None:
        """Count an element of a message that did not become a task."""
        self.refused.labels(self._known(code_of(error))).inc()

    def received(self, channel: str, size_bytes: int) -> None:
        """Count what came over "http" or "websocket"."""
        self.received_bytes.at(channel).add(size_bytes)

    def sent(self, channel: str, size_bytes: int) -> None:
        """Count what went over "http" or "websocket"."""
        self.sent_bytes.at(channel).add(size_bytes)

    def gauged(self, stats: Stats, *, is_ready: bool, trouble: str) -> None:
        """Tell how busy the engine is just now."""
        for lane, count in stats.queued.items():
            self.queued.labels(lane).set(count)
        self.running.set(stats.running)
        self.oldest.set(stats.oldest_wait_s)
        self.uncharged.set(stats.uncharged)
        self.engine_up.set(not trouble)
        self.ready.set(is_ready)

    def model_loaded(self, model: str, outcome: str, seconds: float) -> None:
        """Count a model that was opened ("success"), or could not be ("failed")."""
        self.model_loads.labels(model, outcome).inc()
        self.model_load_seconds.labels(model).observe(seconds)

    def loop_was_late(self, seconds: float) -> None:
        """Count a tick of the event loop."""
        self.loop_lag.at().observe(seconds)

    def defect(self, place: Place) -> None:
        """Count an exception that nobody caught."""
        self.defects.labels(place).inc()

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

    def _known(self, code: str) -> str:
        """Keep codes few: some name what a client made up, which must not hide the others."""
        return code if code in known_codes() else "other"

    def text(self) -> bytes:
        """Write everything in the exposition format."""
        return generate_latest(self._registry)
