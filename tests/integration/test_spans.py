"""Tasks as spans of OpenTelemetry, at a collector that decodes what comes over OTLP/HTTP."""

from __future__ import annotations

import base64
import itertools
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cluster import running_cluster
from integration.conftest import StartService
from integration.pictures import encoded, scene
from integration.service import KEY, Service
from integration.tasks import REMOVAL, removal

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from collector import Collector, fact, running_collector

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STAGES = {"queue", "input", "decode", "model", "mask", "matting", "encode", "store", "deliver"}
OK, ERROR = 0, 2


def headers(flags: str = "") -> dict[str, str]:
    """A client's, with its trace where it has one."""
    trace = {"traceparent": f"00-{TRACE}-{CALLER}-{flags}"} if flags else {}
    return {"Authorization": f"Bearer {KEY}"} | trace


async def run(http: httpx.AsyncClient, url: str, flags: str = "", **fields: Any) -> str:
    """Have a task done; return its UUID."""
    task = removal(**fields)
    await http.post(f"{url}/v1", json=[task], headers=headers(flags))
    return str(task["taskUUID"])


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield collector


@pytest.fixture(scope="module")
def told(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that tells the collector."""
    settings = {"tracing__exporter": "otlp", "tracing__endpoint": collector.url}
    service = Service(tmp_path_factory.mktemp("told"), settings=settings)
    yield service
    service.stop()
    assert service.defects() == []


async def test_task_and_its_stages_are_spans_of_the_clients_trace(
    told: Service, collector: Collector, http: httpx.AsyncClient
) -> None:
    spans = collector.trace(await run(http, told.url, flags="01", settings={"alphaMatting": True}))
    assert set(spans) >= STAGES | {REMOVAL}
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    assert spans[REMOVAL].parent_span_id.hex() == CALLER
    assert spans[REMOVAL].status.code == OK


async def test_stages_lie_within_their_task_one_after_the_other(
    told: Service, collector: Collector, http: httpx.AsyncClient
) -> None:
    spans = collector.trace(await run(http, told.url))
    task = spans[REMOVAL]
    order = [spans[name] for name in ("queue", "decode", "model", "encode", "store")]
    assert order[0].start_time_unix_nano == task.start_time_unix_nano
    for earlier, later in itertools.pairwise(order):
        assert earlier.end_time_unix_nano <= later.start_time_unix_nano
    assert order[-1].end_time_unix_nano <= task.end_time_unix_nano
    assert spans["deliver"].start_time_unix_nano >= order[-1].end_time_unix_nano


async def test_task_without_a_trace_gets_one_that_the_log_names(
    told: Service, collector: Collector, http: httpx.AsyncClient
) -> None:
    task_uuid = await run(http, told.url)
    spans = collector.trace(task_uuid)
    (entry,) = (each for each in told.entries() if each.get("task_uuid") == task_uuid)
    assert {span.trace_id.hex() for span in spans.values()} == {entry["trace_id"]}
    assert spans[REMOVAL].parent_span_id == b""


async def test_failed_task_is_an_error_with_its_code(
    told: Service, collector: Collector, http: httpx.AsyncClient
) -> None:
    half = encoded(scene(160, 120))[:300]
    image = f"data:image/png;base64,{base64.b64encode(half).decode()}"
    task_uuid = await run(http, told.url, image=image)
    span = collector.trace(task_uuid)[REMOVAL]
    assert span.status.code == ERROR
    assert fact(span, "error.type") in told.log.read_text()


async def test_trace_that_its_client_does_not_sample_is_not_told(
    told: Service, collector: Collector, http: httpx.AsyncClient
) -> None:
    unsampled, sampled = await run(http, told.url, flags="00"), await run(http, told.url)
    collector.trace(sampled)
    assert sampled in collector.tasks
    assert unsampled not in collector.tasks


async def test_standard_variables_alone_switch_it_on(
    collector: Collector,
    start_service: StartService,
    http: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.removesuffix("/v1/traces"))
    monkeypatch.setenv("OTEL_SERVICE_NAME", "cut-outs")
    service = start_service()
    collector.trace(await run(http, service.url))
    assert "cut-outs" in collector.services


async def test_collector_that_is_away_holds_up_neither_tasks_nor_the_end(
    start_service: StartService, http: httpx.AsyncClient
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1/traces"
        service = start_service(settings={"tracing__exporter": "otlp", "tracing__endpoint": url})
        answer = await http.post(f"{service.url}/v1", json=[removal()], headers=headers())
        assert answer.status_code == 200
        begun = time.monotonic()
        service.terminate()
        assert service.exit_code() == 0
        assert time.monotonic() - begun < 10
        service.log.write_text("")  # what it says of the collector is meant for the operator


async def test_worker_and_gateway_tell_of_one_trace(
    collector: Collector,
    tmp_path_factory: pytest.TempPathFactory,
    http: httpx.AsyncClient,
) -> None:
    settings = {"tracing__exporter": "otlp", "tracing__endpoint": collector.url}
    folder = tmp_path_factory.mktemp("told-cluster")
    with running_cluster(folder, gateways=1, workers=1, settings=settings) as cluster:
        spans = collector.trace(await run(http, cluster.gateways[0].url, flags="01"))
    assert set(spans) >= STAGES - {"matting"} | {REMOVAL}
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
