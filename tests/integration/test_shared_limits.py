"""What a key may, it may once: two gateways together let through what one would."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from cluster import KEY, ROOT, Cluster, Program, running_cluster
from integration.client import PATIENCE_S, Frame, elements_of
from integration.tasks import new_uuid, poll, removal

PRICE = Decimal("0.000602")
"""Of a cut-out of the small blob, 96 × 72 pixels."""
PER_MINUTE = 30


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def thrifty(shared: Path) -> str:
    """A key that may buy eight cut-outs a month."""
    command = [sys.executable, "-m", "server.cli", "keys", "create", "--tenant", "thrifty"]
    command += ["--budget", str(8 * PRICE), "--data-dir", str(shared)]
    return subprocess.check_output(command, cwd=ROOT, text=True).strip()


@pytest.fixture(scope="module")
def cluster(
    shared: Path, thrifty: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    settings = {
        "shared_dir": shared,
        "rates__tasks_per_minute": PER_MINUTE,
        "rates__requests_per_minute": PER_MINUTE,
    }
    folder = tmp_path_factory.mktemp("cluster")
    with running_cluster(folder, workers=1, settings=settings) as cluster:
        yield cluster
        assert cluster.defects() == []


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        yield http


async def post(http: httpx.AsyncClient, gateway: Program, key: str, *tasks: Frame) -> list[Frame]:
    headers = {"Authorization": f"Bearer {key}"}
    answer = await http.post(f"{gateway.url}/v1", json=tasks, headers=headers)
    return elements_of(answer.json())


async def test_budget_is_spent_once_by_all_gateways_together(
    cluster: Cluster, thrifty: str, http: httpx.AsyncClient
) -> None:
    floods = [
        post(http, gateway, thrifty, *(removal(includeCost=True) for _ in range(10)))
        for gateway in cluster.gateways
    ]
    answers = [answer for flood in await asyncio.gather(*floods) for answer in flood]
    costs = [answer["cost"] for answer in answers if "cost" in answer]
    assert (len(costs), sum(map(Decimal, map(str, costs)))) == (8, 8 * PRICE)
    assert {answer["code"] for answer in answers if "cost" not in answer} == {"insufficientCredits"}


async def test_rate_of_tasks_holds_for_all_gateways_together(
    cluster: Cluster, http: httpx.AsyncClient
) -> None:
    here, there = cluster.gateways
    begun, passed = time.monotonic(), PER_MINUTE
    tasks = [removal(deliveryMethod="async") for _ in range(PER_MINUTE)]
    answers = await post(http, here, KEY, *tasks)
    assert [answer for answer in answers if "code" in answer] == []
    while "code" not in (await post(http, there, KEY, removal(deliveryMethod="async")))[0]:
        passed += 1
    saved_up = (time.monotonic() - begun) * PER_MINUTE / 60
    assert passed < PER_MINUTE * 1.5 + saved_up


async def test_rate_of_requests_holds_for_all_gateways_together(
    cluster: Cluster, thrifty: str, http: httpx.AsyncClient
) -> None:
    here, there = cluster.gateways
    begun, passed = time.monotonic(), 0
    while await status(http, here, thrifty) != 429:
        passed += 1
    while await status(http, there, thrifty) != 429:
        passed += 1
    saved_up = (time.monotonic() - begun) * PER_MINUTE / 60
    assert passed < PER_MINUTE * 1.5 + saved_up


async def status(http: httpx.AsyncClient, gateway: Program, key: str) -> int:
    """Ask for a task that nobody knows."""
    headers = {"Authorization": f"Bearer {key}"}
    answer = await http.post(f"{gateway.url}/v1", json=[poll(new_uuid())], headers=headers)
    return answer.status_code
