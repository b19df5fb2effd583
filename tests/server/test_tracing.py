"""The trace that a request belongs to."""

from __future__ import annotations

import subprocess
import sys

import pytest
from starlette.requests import HTTPConnection

from inference.config import SettingsError
from server.tracing import NO_TRACES, TracingSettings, open_traces, traceparent_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def asked(header: str | None) -> HTTPConnection:
    headers = [] if header is None else [(b"traceparent", header.encode())]
    return HTTPConnection({"type": "http", "headers": headers})


@pytest.mark.parametrize("version", ["00", "01", "cc"])
def test_traceparent_is_the_headers(version: str) -> None:
    more = "" if version == "00" else "-what-comes-later"
    sound = f"{version}-{TRACE}-00f067aa0ba902b7-01"
    assert traceparent_of(asked(sound + more)) == sound


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7-01\n",
        f"00-{TRACE}-00f067aa0ba902b7-xx",
        "x" * 10_000,
    ],
)
def test_unsound_header_is_no_trace(header: str | None) -> None:
    assert traceparent_of(asked(header)) == ""


VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER")


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """One in which nobody asks for spans."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_nobody_is_told_by_default(environ: pytest.MonkeyPatch) -> None:
    assert open_traces(TracingSettings()) is NO_TRACES


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")]
)
def test_variables_switch_it_off(environ: pytest.MonkeyPatch, name: str, value: str) -> None:
    environ.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    environ.setenv(name, value)
    assert open_traces(TracingSettings()) is NO_TRACES


def test_setting_switches_it_off_whatever_the_variables_say(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert open_traces(TracingSettings(exporter="none")) is NO_TRACES


def test_setting_that_cannot_be_followed_is_an_error(environ: pytest.MonkeyPatch) -> None:
    environ.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"cutwire\[otel\]"):
        open_traces(TracingSettings(exporter="otlp"))


def test_variables_that_cannot_be_followed_are_told_in_the_log(
    environ: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environ.setattr("importlib.util.find_spec", lambda _: None)
    environ.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert open_traces(TracingSettings()) is NO_TRACES
    assert "no spans are sent" in caplog.text


def test_nothing_of_opentelemetry_is_loaded_while_it_is_off(environ: pytest.MonkeyPatch) -> None:
    code = "import sys, server.app, server.worker_app; sys.exit('opentelemetry' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
