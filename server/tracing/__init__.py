"""Traces: whose trace does a task belong to, and what is told of it to a collector?"""

from server.tracing.context import traceparent_of
from server.tracing.settings import TracingSettings
from server.tracing.traces import NO_TRACES, Traces, open_traces

__all__ = ["NO_TRACES", "Traces", "TracingSettings", "open_traces", "traceparent_of"]
