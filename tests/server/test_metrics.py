"""What is counted, and under how few labels."""

from __future__ import annotations

import re

from inference.engine import Stats
from protocol.errors import InferenceFailed, InvalidParameter, StorageUnavailable
from server.metrics import Metrics


def value(metrics: Metrics, series: str) -> float | None:
    """The value of a series as it is written, or None where it is not."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", metrics.text().decode(), re.MULTILINE)
    return float(found[1]) if found else None


def refused(code: str) -> str:
    return f'cutwire_refused_total{{code="{code}"}}'


def test_refusal_is_counted_by_its_code() -> None:
    metrics = Metrics()
    metrics.element_refused(InvalidParameter("No.", parameter="outputQuality"))
    assert value(metrics, refused("invalidOutputQuality")) == 1


def test_alarming_codes_are_counted_from_zero() -> None:
    metrics = Metrics()
    assert value(metrics, refused("storageUnavailable")) == 0
    metrics.element_refused(StorageUnavailable("No."))
    assert value(metrics, refused("storageUnavailable")) == 1


def test_code_that_names_what_a_client_made_up_hides_no_other() -> None:
    metrics = Metrics()
    for number in range(500):
        metrics.element_refused(InvalidParameter("No.", parameter=f"p{number}"))
    metrics.element_refused(InferenceFailed("No."))
    metrics.element_refused(InvalidParameter("No.", parameter="safety.mode"))
    assert value(metrics, refused("other")) == 500
    assert value(metrics, refused("inferenceError")) == 1
    assert value(metrics, refused("invalidMode")) == 1


def test_engine_is_gauged() -> None:
    metrics = Metrics()
    stats = Stats({"bulk": 7}, 2, 1.5, uncharged=3)
    metrics.gauged(stats, is_ready=False, trouble="the broker does not answer")
    assert value(metrics, 'cutwire_queued{lane="bulk"}') == 7
    assert value(metrics, "cutwire_running") == 2
    assert value(metrics, "cutwire_oldest_queued_seconds") == 1.5
    assert value(metrics, "cutwire_ledger_pending") == 3
    assert value(metrics, "cutwire_engine_up") == 0
    assert value(metrics, "cutwire_ready") == 0


def test_bytes_are_counted_by_channel() -> None:
    metrics = Metrics()
    metrics.received("http", 10)
    metrics.received("http", 5)
    metrics.sent("websocket", 7)
    assert value(metrics, 'cutwire_received_bytes_total{channel="http"}') == 15
    assert value(metrics, 'cutwire_sent_bytes_total{channel="websocket"}') == 7


def test_model_that_does_not_load_is_counted_apart() -> None:
    metrics = Metrics()
    metrics.model_loaded("embedded", "success", 0.5)
    metrics.model_loaded("embedded", "failed", 0.1)
    loads = 'cutwire_model_loads_total{model="embedded",outcome="%s"}'
    assert (value(metrics, loads % "success"), value(metrics, loads % "failed")) == (1, 1)
    assert value(metrics, 'cutwire_model_load_seconds_count{model="embedded"}') == 2


def test_members_of_edits_are_no_inventions() -> None:
    metrics = Metrics()
    metrics.element_refused(InvalidParameter("No.", parameter="image_url"))
    assert value(metrics, refused("invalidImageurl")) == 1
