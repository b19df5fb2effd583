"""What the service says of itself: health, metrics, the page of errors, its log."""

from __future__ import annotations

import re

import httpx
import pytest
from integration.conftest import Connect
from integration.gauges import samples
from integration.service import KEY, TENANT, Service
from integration.tasks import REMOVAL, new_uuid, poll, removal, upload

from protocol.task_errors import CODES

METRICS = [
    "cutwire_tasks",
    "cutwire_task_seconds",
    "cutwire_stage_seconds",
    "cutwire_cost_usd",
    "cutwire_refused",
    "cutwire_connections",
    "cutwire_sessions",
    "cutwire_queued",
    "cutwire_running",
    "cutwire_batch_size",
    "cutwire_model_run_seconds",
    "cutwire_ready",
    "cutwire_model_loads",
    "cutwire_received_bytes",
    "process_resident_memory_bytes",
]
DONE = ("cutwire_tasks_total", "success", REMOVAL)


@pytest.mark.parametrize("page", ["live", "ready"])
async def test_health_is_200_while_it_serves(
    service: Service, http: httpx.AsyncClient, page: str
) -> None:
    answer = await http.get(f"{service.url}/health/{page}")
    assert (answer.status_code, answer.json()) == (200, {"status": page})


@pytest.mark.parametrize("name", METRICS)
async def test_metric_is_there(service: Service, http: httpx.AsyncClient, name: str) -> None:
    text = (await http.get(f"{service.url}/metrics")).text
    assert re.search(rf"^# TYPE {name}(_total)? ", text, re.MULTILINE)


async def test_task_is_counted_once_however_often_it_is_delivered(
    service: Service, connect: Connect, http: httpx.AsyncClient
) -> None:
    client, task = await connect(service), removal()
    before = (await samples(http, service)).get(DONE, 0)
    await client.run(task)
    for count in (2, 3, 4):
        await client.send(poll(task["taskUUID"]))
        await client.replies(task["taskUUID"], count=count)
    assert (await samples(http, service))[DONE] == before + 1


async def test_refused_element_is_counted_by_its_code(
    service: Service, connect: Connect, http: httpx.AsyncClient
) -> None:
    client, refused = await connect(service), ("cutwire_refused_total", "invalidOutputQuality")
    before = (await samples(http, service)).get(refused, 0)
    await client.run(removal(outputQuality=1))
    assert (await samples(http, service))[refused] == before + 1


async def test_task_that_is_not_admitted_is_counted_as_refused(
    service: Service, connect: Connect, http: httpx.AsyncClient
) -> None:
    client, name = await connect(service), ("cutwire_refused_total", "unsupportedModel")
    before = (await samples(http, service)).get(name, 0)
    await client.run(removal(model="nobody-has-it"))
    assert (await samples(http, service))[name] == before + 1


async def test_bytes_of_messages_are_counted(
    service: Service, connect: Connect, http: httpx.AsyncClient
) -> None:
    client, task = await connect(service), removal()
    received = ("cutwire_received_bytes_total", "websocket")
    before = (await samples(http, service)).get(received, 0)
    await client.run(task)
    assert (await samples(http, service))[received] - before >= len(task["inputImage"])


async def test_log_names_the_trace_of_a_task(service: Service, http: httpx.AsyncClient) -> None:
    trace, task = "4bf92f3577b34da6a3ce929d0e0e4736", removal()
    headers = {
        "Authorization": f"Bearer {KEY}",
        "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
    }
    await http.post(f"{service.url}/v1", json=[task], headers=headers)
    (entry,) = (each for each in service.entries() if each.get("trace_id"))
    assert (entry["trace_id"], entry["task_uuid"]) == (trace, task["taskUUID"])
    assert entry["stages_ms"]["queue"] >= 0


async def test_cost_is_summed_for_each_task(
    service: Service, connect: Connect, http: httpx.AsyncClient
) -> None:
    client, name = await connect(service), ("cutwire_cost_usd_total", REMOVAL)
    before = (await samples(http, service)).get(name, 0.0)
    result = await client.run(removal(includeCost=True))
    after = (await samples(http, service))[name]
    assert after - before == pytest.approx(float(result["cost"]))


@pytest.mark.parametrize("code", sorted({code for code, _ in CODES.values()}))
async def test_page_of_errors_has_an_anchor_for_every_code(
    service: Service, http: httpx.AsyncClient, code: str
) -> None:
    page = (await http.get(f"{service.url}/docs/errors")).text
    assert re.search(rf"\bid='{re.escape(code)}'", page)


async def test_page_of_errors_has_no_anchor_twice(
    service: Service, http: httpx.AsyncClient
) -> None:
    page = (await http.get(f"{service.url}/docs/errors")).text
    anchors = re.findall(r"\bid='([^']*)'", page)
    assert len(anchors) == len(set(anchors))


@pytest.mark.parametrize(
    "task",
    [
        removal(outputFormat="GIF"),
        removal(new_uuid()),
        removal(settings={"alphaMattingErodeSize": 0}),
        removal(safety={"mode": 1}),
        removal(numberResults=2),
        removal(inputs=1),
        upload("!!"),
        poll(new_uuid()),
        {"taskType": "nonsense", "taskUUID": new_uuid()},
        {"taskType": REMOVAL, "taskUUID": new_uuid()},
    ],
    ids=lambda task: "-".join(sorted(set(task) - {"taskType", "taskUUID"})) or task["taskType"],
)
async def test_documentation_of_an_error_leads_to_an_anchor(
    service: Service, connect: Connect, http: httpx.AsyncClient, task: dict[str, object]
) -> None:
    client = await connect(service)
    page, _, anchor = (await client.run(task))["documentation"].partition("#")
    assert re.search(rf"\bid='{re.escape(anchor)}'", (await http.get(page)).text)


async def test_log_has_one_line_for_a_task_with_tenant_and_cost(
    service: Service, connect: Connect
) -> None:
    client, task = await connect(service), removal()
    await client.run(task)
    (entry,) = [e for e in service.entries() if e.get("task_uuid") == task["taskUUID"]]
    assert (entry["message"], entry["tenant"]) == ("task done", TENANT)
    assert entry["cost_usd"] == "0.000602"


async def test_log_holds_no_key_no_picture_and_no_signature(
    service: Service, connect: Connect
) -> None:
    client, task = await connect(service), removal()
    result = await client.run(task)
    signature = result["imageURL"].rpartition("sig=")[2]
    log = service.log.read_text()
    assert not [secret for secret in (KEY, signature, task["inputImage"][-40:]) if secret in log]
