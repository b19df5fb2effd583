"""A real Prometheus scrapes the real service and evaluates the rules."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from deploy.files import DEPLOY, panels
from integration.pictures import encoded, scene
from integration.service import KEY, Service
from integration.tasks import REMOVAL, removal
from tools import debian

PATIENCE_S = 60.0
SPARED = {"Items dropped before their run A"}
"""A load that drops nothing leaves it empty."""
CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs:
  - job_name: cutwire
    static_configs: [{targets: ["%s"]}]
"""

Ask = Callable[[str], Awaitable[float | None]]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service to be watched."""
    if debian.find("prometheus") is None:
        pytest.skip("no prometheus here: `make monitoring` unpacks it where it can be had")
    service = Service(tmp_path_factory.mktemp("watched"), arguments=["--allow-private-networks"])
    yield service
    service.stop()


@pytest.fixture(scope="module")
def prometheus(watched: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a Prometheus that scrapes it each second."""
    folder = tmp_path_factory.mktemp("prometheus")
    rules = DEPLOY / "monitoring" / "rules" / "cutwire.rules.yml"
    target = watched.url.removeprefix("http://")
    (folder / "prometheus.yml").write_text(CONFIG % (rules, target))
    tool = debian.find("prometheus")
    assert tool is not None
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                tool,
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                "--web.listen-address=127.0.0.1:0",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{_port_of(process.pid)}"
    finally:
        process.terminate()
        process.wait(20)


def _port_of(pid: int) -> int:
    """Wait until a process listens, and tell where."""
    import psutil

    process = psutil.Process(pid)
    while True:
        for each in process.net_connections("tcp4"):
            if each.status == psutil.CONN_LISTEN:
                return int(each.laddr.port)
        assert process.is_running()
        assert process.status() != psutil.STATUS_ZOMBIE


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
async def load(watched: Service, http: httpx.AsyncClient) -> AsyncIterator[None]:
    """A client whose tasks succeed, fail, are refused, and have webhooks, until the test ends."""
    broken = f"data:image/png;base64,{base64.b64encode(encoded(scene(160, 120))[:300]).decode()}"
    nobody = {"deliveryMethod": "async", "webhookURL": f"{watched.url}/health/live"}

    async def send() -> None:
        while True:
            headers = {"Authorization": f"Bearer {KEY}"}
            for more in ({}, {"outputQuality": 1}, {"inputImage": broken}, nobody):
                await http.post(f"{watched.url}/v1", json=[removal(**more)], headers=headers)

    sending = asyncio.create_task(send())
    yield
    sending.cancel()
    await asyncio.wait({sending})


async def wait_for(
    http: httpx.AsyncClient, prometheus: str, query: str, is_enough: Callable[[float], bool]
) -> float:
    """Ask until there is an answer, and it is enough."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            asked = await http.get(f"{prometheus}/api/v1/query", params={"query": query})
            for found in asked.json().get("data", {}).get("result", ()):
                if is_enough(float(found["value"][1])):
                    return float(found["value"][1])


def positive(value: float) -> bool:
    return value > 0


async def test_service_under_load_is_measured(
    load: None, http: httpx.AsyncClient, prometheus: str
) -> None:
    await wait_for(http, prometheus, 'up{job="cutwire"}', lambda value: value == 1)
    for query in (
        f'cutwire_tasks_total{{task_type="{REMOVAL}",outcome="success"}}',
        'cutwire_refused_total{code="invalidOutputQuality"}',
        'cutwire_stage_seconds_count{stage="queue"}',
        'cutwire_model_loads_total{model="embedded",outcome="success"}',
        'cutwire_received_bytes_total{channel="http"}',
        'cutwire_sent_bytes_total{channel="http"}',
        "cutwire_result_bytes_total",
        "cutwire_cost_usd_total",
        "cutwire_ready",
        "cutwire_engine_up",
        'cutwire_build_info{version!=""}',
        "job:cutwire_tasks:rate5m",
        f'task_type:cutwire_task_seconds:p95_5m{{task_type="{REMOVAL}"}}',
        'model:cutwire_batch_size:mean5m{model="embedded"}',
    ):
        await wait_for(http, prometheus, query, positive)
    series = 'count({job="cutwire", __name__=~"cutwire_.*"})'
    assert await wait_for(http, prometheus, series, positive) < 600


async def test_every_panel_shows_something_under_load(
    load: None, http: httpx.AsyncClient, prometheus: str
) -> None:
    await wait_for(http, prometheus, "job:cutwire_tasks:rate5m", positive)
    empty = panels()
    patience = time.monotonic() + PATIENCE_S
    while set(empty) - SPARED and time.monotonic() < patience:
        for title, query in list(empty.items()):
            asked = await http.get(f"{prometheus}/api/v1/query", params={"query": query})
            if asked.json()["data"]["result"]:
                del empty[title]
    assert set(empty) <= SPARED


def test_promtool_finds_nothing_to_say_of_the_metrics(watched: Service) -> None:
    tool = debian.find("promtool")
    assert tool is not None
    page = httpx.get(f"{watched.url}/metrics", trust_env=False).content
    ran = subprocess.run(
        [tool, "check", "metrics"], input=page, capture_output=True, timeout=60, check=False
    )
    said = [line for line in ran.stderr.decode().splitlines() if line.startswith("cutwire_")]
    assert said == []


async def test_rules_are_evaluated_without_an_error(
    load: None, http: httpx.AsyncClient, prometheus: str
) -> None:
    await wait_for(http, prometheus, "job:cutwire_tasks:rate5m", positive)
    rules: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_S):
        while not rules or any(rule["health"] == "unknown" for rule in rules):
            answer = await http.get(f"{prometheus}/api/v1/rules")
            groups = answer.json()["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
    assert {
        rule["name"]: rule.get("lastError", "") for rule in rules if rule["health"] != "ok"
    } == {}
    firing = {rule["name"] for rule in rules if rule.get("state") == "firing"}
    assert firing == set()


def test_prometheus_log_names_no_trouble(prometheus: str, tmp_path_factory: Any) -> None:
    log: Path = next(tmp_path_factory.getbasetemp().glob("prometheus*/log"))
    lines = log.read_text().splitlines()
    assert [line for line in lines if "level=error" in line or "level=warn" in line] == []
