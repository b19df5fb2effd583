"""Two gateways and a worker round a real broker: one service, wherever a client comes in."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from brokers import running_server
from cluster import KEY, OTHER_KEY, ROOT, Cluster, Program, running_cluster
from integration.client import PATIENCE_S, Client, Frame, elements_of
from integration.gauges import wait_until
from integration.sources import PictureServer
from integration.tasks import poll, removal
from receivers import Receiver

POLICY_VIOLATION = 1008


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), workers=1) as cluster:
        yield cluster
        assert cluster.defects() == []


@pytest.fixture
def here(cluster: Cluster) -> Program:
    return cluster.gateways[0]


@pytest.fixture
def there(cluster: Cluster) -> Program:
    return cluster.gateways[1]


@pytest.fixture
async def connect() -> AsyncIterator[Any]:
    """Connect to a gateway and log in."""
    clients: list[Client] = []

    async def connect(gateway: Program, key: str = KEY, session: str = "") -> Client:
        clients.append(await Client.open(gateway.ws_url))
        await clients[-1].login(key, session)
        return clients[-1]

    yield connect
    for client in clients:
        await client.leave()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


async def post(gateway: Program, *tasks: Frame) -> list[Frame]:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        answer = await http.post(f"{gateway.url}/v1", json=tasks, headers=headers)
    return elements_of(answer.json())


async def test_task_is_done_by_the_worker(here: Program, connect: Any) -> None:
    assert "imageURL" in await (await connect(here)).run(removal())


async def test_array_over_http_is_answered_in_its_order(here: Program) -> None:
    tasks = [removal() for _ in range(5)]
    answers = await post(here, *tasks)
    assert [answer["taskUUID"] for answer in answers] == [task["taskUUID"] for task in tasks]


async def test_picture_is_served_by_either_gateway(here: Program, there: Program) -> None:
    (answer,) = await post(here, removal())
    url = answer["imageURL"].replace(here.url, there.url)
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(url)).status_code == 200


async def test_task_uuid_is_taken_at_every_gateway(here: Program, there: Program) -> None:
    task = removal()
    await post(here, task)
    assert (await post(there, task))[0]["code"] == "conflictTaskUUID"


async def test_result_is_found_at_every_gateway(here: Program, there: Program) -> None:
    task = removal()
    (first,) = await post(here, task)
    (second,) = await post(there, poll(task["taskUUID"]))
    assert (second["imageUUID"], second["status"]) == (first["imageUUID"], "success")


async def test_task_in_work_is_followed_from_the_other_gateway(
    here: Program, there: Program, connect: Any, sources: PictureServer
) -> None:
    source = sources.gated()
    task = removal(source.url, deliveryMethod="async")
    await (await connect(here)).run(task)
    client = await connect(there)
    await client.send(poll(task["taskUUID"]))
    assert (await client.next())["data"][0]["status"] == "processing"
    source.open()
    assert (await client.replies(task["taskUUID"], count=2))[1]["status"] == "success"


async def test_session_goes_on_at_the_other_gateway(
    here: Program, there: Program, connect: Any, sources: PictureServer
) -> None:
    first, source = await connect(here), sources.gated()
    task = removal(source.url)
    await first.send(task)
    await source.asked.wait()
    await first.drop()
    second = await connect(there, session=first.session)
    source.open()
    assert second.session == first.session
    assert "imageURL" in (await second.replies(task["taskUUID"]))[0]


async def test_session_that_goes_elsewhere_leaves_its_socket(
    here: Program, there: Program, connect: Any
) -> None:
    first = await connect(here)
    second = await connect(there, session=first.session)
    assert await first.closed() == POLICY_VIOLATION
    assert "imageURL" in await second.run(removal())


async def test_session_of_another_tenant_is_not_given(
    here: Program, there: Program, connect: Any
) -> None:
    first = await connect(here)
    thief = await connect(there, OTHER_KEY, first.session)
    assert thief.session != first.session


@pytest.mark.slow
async def test_session_outlives_its_gateway(tmp_path: Path, connect: Any) -> None:
    with running_cluster(tmp_path, workers=1) as cluster:
        here, there = cluster.gateways
        first, tasks = await connect(here), [removal() for _ in range(20)]
        await first.send(*tasks)
        await first.next()
        here.kill()
        second = await connect(there, session=first.session)
        for task in tasks:
            if not first.about(task["taskUUID"]):
                assert "imageURL" in (await second.replies(task["taskUUID"]))[0]
        assert second.session == first.session


async def test_webhook_is_sent_once_though_there_are_two_gateways(
    here: Program, there: Program, receiver: Receiver
) -> None:
    for gateway in (here, there):
        task = removal(deliveryMethod="async", webhookURL=receiver.url())
        await post(gateway, task)
    await receiver.received(2)
    told = sorted(json.loads(request.body)["imageUUID"] for request in receiver.requests)
    assert len(set(told)) == 2


async def test_upload_is_told_of_at_every_gateway(
    here: Program, there: Program, receiver: Receiver
) -> None:
    task = removal(deliveryMethod="async", uploadEndpoint=receiver.url())
    await post(here, task)
    await receiver.received(1)

    async def is_told(gateway: Program) -> bool:
        (answer,) = await post(gateway, poll(task["taskUUID"]))
        return bool(answer.get("uploadStatus") == "delivered")

    for gateway in (here, there):
        await wait_until(partial(is_told, gateway))


async def test_every_task_is_charged_once(cluster: Cluster, here: Program, there: Program) -> None:
    tasks = [removal() for _ in range(4)]
    for gateway in (here, there):
        await post(gateway, *(tasks[:2] if gateway is here else tasks[2:]))
    wanted = {task["taskUUID"]: 1 for task in tasks}

    def charged() -> bool:
        said = cluster.charges()
        return {uuid: said.get(uuid, 0) for uuid in wanted} == wanted

    await until(charged)


async def test_edit_is_answered_like_any_task(here: Program, there: Program) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        task = removal()
        answer = await http.post(
            f"{here.url}/v2/image/edit/blur_background",
            json={"image": task["inputImage"], "sync": False},
            headers={"api_token": KEY},
        )
        path = httpx.URL(answer.json()["status_url"]).path

        async def is_done() -> bool:
            said = await http.get(there.url + path, headers={"api_token": KEY})
            return bool(said.json().get("status") == "COMPLETED")

        await wait_until(is_done)


async def test_worker_that_is_told_to_stop_loses_nothing(
    cluster: Cluster, here: Program, connect: Any
) -> None:
    second = cluster.add_worker()
    client, tasks = await connect(here), [removal() for _ in range(30)]
    await client.send(*tasks)
    await client.next()
    second.terminate()
    for task in tasks:
        assert "imageURL" in (await client.replies(task["taskUUID"]))[0]
    assert second.exit_code() == 0


async def test_worker_tells_that_it_is_ready(cluster: Cluster) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{cluster.workers[0].url}/health/ready")).status_code == 200


async def test_gateway_is_not_ready_while_the_broker_is_away(tmp_path: Path, connect: Any) -> None:
    with running_cluster(tmp_path, gateways=1, workers=0) as cluster:
        (gateway,) = cluster.gateways
        client = await connect(gateway)
        cluster.broker.kill()  # type: ignore[union-attr]
        await until(lambda: status(gateway) == 503)
        await client.pong()  # the socket is kept
        cluster.broker.start()  # type: ignore[union-attr]
        await until(lambda: status(gateway) == 200)


def test_setup_refuses_to_alter_what_differs(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert setup(server.url).returncode == 0
        differing = setup(server.url, CUTWIRE_NATS__MAX_WAITING="7")
    assert (differing.returncode, "max_msgs_per_subject" in differing.stdout) == (1, True)


def setup(url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server.cli", "engine", "setup", "--nats-url", url]
    small = {
        f"CUTWIRE_NATS__{name}_BYTES": str(64 * 1024 * 1024)
        for name in ("TASKS", "RESULTS", "JOBS", "USAGE")
    }
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | small | {"CUTWIRE_SHARED_DIR": "/nowhere"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def status(program: Program) -> int:
    return httpx.get(f"{program.url}/health/ready", trust_env=False).status_code


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nothing tells."""
    deadline = time.monotonic() + PATIENCE_S
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("request_id", ["%2A", "a%20b", "%3E", "a%0D%0APING"])
async def test_status_of_what_is_no_request_id_is_not_found_at_once(
    here: Program, request_id: str
) -> None:
    headers = {"api_token": KEY}
    async with httpx.AsyncClient(base_url=here.url, headers=headers, trust_env=False) as client:
        await client.post("/v2/image/edit/crop_foreground", json={"image": removal()["inputImage"]})
        answer = await client.get(f"/v2/status/{request_id}", timeout=5)
    assert answer.status_code == 404
