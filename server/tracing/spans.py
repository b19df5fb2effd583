"""Tasks as spans of OpenTelemetry: one of the task, and below it one of each stage.

A task's span is made when the task has ended, by the process that ended it, from what stands in the
outcome; its id is derived from the task. So gateways and workers agree on it, and neither a restart
nor another machine breaks a trace.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import time
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace import set_span_in_context as with_span
from opentelemetry.trace.status import Status, StatusCode

from protocol.jobs import Job, Outcome
from protocol.task_errors import code_of

FLUSH_S: Final = 3.0
"""How long the end of the process may wait for a collector."""
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_IDS: Final = RandomIdGenerator()
_UNSET: Final = Status(StatusCode.UNSET)

Attributes = Mapping[str, str | int | float]


def open_spans(endpoint: str) -> Spans:
    """Send spans to an endpoint; empty: as the variables OTEL_* say."""
    return Spans(OTLPSpanExporter(endpoint=endpoint or None))


class Spans:
    """Makes spans, and sends them in batches from a thread; a full queue drops the oldest."""

    def __init__(self, exporter: OTLPSpanExporter) -> None:
        self._exporter = exporter
        self._processor = BatchSpanProcessor(exporter)
        self._sampler = TracerProvider(shutdown_on_exit=False).sampler
        own = {
            "service.name": "cutwire",
            "service.version": version("cutwire"),
            "host.name": socket.gethostname(),
        }
        self._resource = Resource(own).merge(OTELResourceDetector().detect())
        self._scope = InstrumentationScope("cutwire", version("cutwire"))

    def trace_id(self, job: Job) -> str:
        """Return the id of a task's trace in hex: the client's, or the task's own."""
        return f"{_context_of(job).trace_id:032x}"

    def ended(self, outcome: Outcome, ended_at: float) -> None:
        """Send a task that ended, and its stages; seconds since the epoch."""
        job = outcome.job
        context, parent = _context_of(job), _parent_of(job)
        if not self._is_sampled(job, context, parent):
            return
        begun_ns = _ns(job.submitted_at)
        for stage in outcome.stages:
            stage_ns = begun_ns + stage.begun_us * 1000
            self._send(stage.name, _child_of(context), context, stage_ns, stage.took_us * 1000)
        took_ns = max(0, _ns(ended_at) - begun_ns)
        self._send(job.task.task_type, context, parent, begun_ns, took_ns, outcome)

    def delivered(self, job: Job, begun_at: float) -> None:
        """Send that a reply has just been handed over, which began then (`time.monotonic`)."""
        context = _context_of(job)
        if self._is_sampled(job, context, _parent_of(job)):
            took_ns = time.monotonic_ns() - _ns(begun_at)
            begun_ns = time.time_ns() - took_ns
            self._send("deliver", _child_of(context), context, begun_ns, took_ns)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send until the block ends; what a collector does not take soon after is lost."""
        try:
            yield
        finally:
            closing = asyncio.create_task(asyncio.to_thread(self._processor.shutdown))
            _, late = await asyncio.wait({closing}, timeout=FLUSH_S)
            if late:
                await asyncio.to_thread(self._exporter.shutdown)
            await closing

    def _is_sampled(self, job: Job, context: SpanContext, parent: SpanContext | None) -> bool:
        around = Context() if parent is None else with_span(NonRecordingSpan(parent), Context())
        result = self._sampler.should_sample(
            around, context.trace_id, job.task.task_type, SpanKind.SERVER
        )
        return result.decision is Decision.RECORD_AND_SAMPLE

    def _send(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        begun_ns: int,
        took_ns: int,
        outcome: Outcome | None = None,
    ) -> None:
        """Send one span; one of a task has an outcome, one of a stage has none."""
        span = ReadableSpan(
            name=name,
            context=context,
            parent=parent,
            resource=self._resource,
            attributes=None if outcome is None else _facts(outcome),
            kind=SpanKind.INTERNAL if outcome is None else SpanKind.SERVER,
            status=_UNSET if outcome is None else _status(outcome),
            start_time=begun_ns,
            end_time=begun_ns + took_ns,
            instrumentation_scope=self._scope,
        )
        self._processor.on_end(span)


def _context_of(job: Job) -> SpanContext:
    """Derive a task's span from what makes the task one of its own."""
    identity = f"{job.tenant}/{job.id[1]}/{job.submitted_at!r}"
    digest = hashlib.blake2b(identity.encode(), digest_size=24).digest()
    trace_id = int(job.trace_id, 16) if job.traceparent else int.from_bytes(digest[8:])
    return SpanContext(trace_id, int.from_bytes(digest[:8]), is_remote=False, trace_flags=_SAMPLED)


def _parent_of(job: Job) -> SpanContext | None:
    """Return the client's span."""
    if not job.traceparent:
        return None
    _, trace_id, span_id, flags = job.traceparent.split("-")
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )


def _child_of(context: SpanContext) -> SpanContext:
    return SpanContext(
        context.trace_id, _IDS.generate_span_id(), is_remote=False, trace_flags=_SAMPLED
    )


def _facts(outcome: Outcome) -> Attributes:
    job, product = outcome.job, outcome.product
    facts: dict[str, str | int | float] = {
        "cutwire.task.uuid": job.task.task_uuid,
        "cutwire.tenant": job.tenant,
        "cutwire.cost_usd": float(outcome.cost),
    }
    if job.model:
        facts["cutwire.model"] = job.model
    if product is not None:
        facts["cutwire.result.megapixels"] = product.megapixels
        facts["cutwire.result.bytes"] = product.size_bytes
    if outcome.fault is not None:
        facts["error.type"] = code_of(outcome.fault.error())
    return facts


def _status(outcome: Outcome) -> Status:
    if outcome.fault is None:
        return _UNSET
    return Status(StatusCode.ERROR, outcome.fault.error().message)


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
