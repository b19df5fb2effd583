"""Whether spans are sent, and where to."""

from __future__ import annotations

from typing import Literal

import msgspec


class TracingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spans of every task, sent to a collector of OpenTelemetry; needs the extra `otel`."""

    exporter: Literal["auto", "otlp", "none"] = "auto"
    """`otlp`: over OTLP/HTTP, as the standard variables OTEL_* say; `auto`: the same where
    OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT names a collector."""
    endpoint: str = ""
    """The collector's URL for traces, such as http://collector:4318/v1/traces; empty: as the
    variables say, else this host."""
