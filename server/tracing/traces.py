"""Who is told how tasks went: nobody, or a collector of OpenTelemetry."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
from collections.abc import AsyncIterator
from typing import Protocol

from inference.config import SettingsError
from protocol.jobs import Job, Outcome
from server.tracing.settings import TracingSettings

_log = logging.getLogger(__name__)


class Traces(Protocol):
    """Is told of tasks; a call costs little and never fails."""

    def trace_id(self, job: Job) -> str:
        """Return the id of a task's trace in hex; empty where it has none."""

    def ended(self, outcome: Outcome, ended_at: float) -> None:
        """Tell a task that ended, and its stages; seconds since the epoch."""

    def delivered(self, job: Job, begun_at: float) -> None:
        """Tell that a reply has just been handed over, which began then."""

    def running(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Send what is told until the block ends."""


class _NoTraces:
    """Tells nobody."""

    def trace_id(self, job: Job) -> str:
        """Return the client's."""
        return job.trace_id

    def ended(self, outcome: Outcome, ended_at: float) -> None:
        """Say nothing."""

    def delivered(self, job: Job, begun_at: float) -> None:
        """Say nothing."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Do nothing."""
        yield


NO_TRACES = _NoTraces()


def open_traces(settings: TracingSettings) -> Traces:
    """Choose as the settings say, and OpenTelemetry's variables where they leave it to these."""
    if settings.exporter == "none" or (settings.exporter == "auto" and not _is_asked_for()):
        return NO_TRACES
    if importlib.util.find_spec("opentelemetry.exporter") is None:
        missing = "OpenTelemetry is not installed: pip install 'cutwire[otel]'"
        if settings.exporter == "otlp":
            raise SettingsError(f"tracing.exporter 'otlp': {missing}")
        # The variables may be everybody's on this host: no reason not to start.
        _log.warning("no spans are sent", extra={"detail": missing})
        return NO_TRACES
    from server.tracing.spans import open_spans

    return open_spans(settings.endpoint)


def _is_asked_for() -> bool:
    """Tell whether variables of OpenTelemetry name a collector, and none switches it off."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return False
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return any(os.environ.get(name) for name in names)
