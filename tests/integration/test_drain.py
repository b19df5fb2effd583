"""SIGTERM: new tasks are refused, those in work are delivered, and the sockets close with 1012."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from integration.client import Client, Frame
from integration.conftest import Connect, StartService
from integration.gauges import wait_until
from integration.service import KEY, Service
from integration.sources import PictureServer, Source
from integration.tasks import poll, removal

SERVICE_RESTART = 1012
BEARER = {"Authorization": f"Bearer {KEY}"}


class Drain:
    """A service that was told to stop while a task of a client was in work."""

    def __init__(self, service: Service, client: Client, task: Frame, source: Source) -> None:
        self.service = service
        self.client = client
        self.task = task
        self.source = source

    async def ended(self) -> int:
        """Let the task end; return the exit code of the service."""
        self.source.open()
        return await asyncio.to_thread(self.service.exit_code)


Begin = Callable[[], Awaitable[Drain]]


@pytest.fixture
def begin(
    start_service: StartService, connect: Connect, sources: PictureServer, http: httpx.AsyncClient
) -> Begin:
    """Start a service, give it a task, and tell it to stop."""

    async def begin() -> Drain:
        service = start_service(
            arguments=["--allow-private-networks"], settings={"fetch__total_s": 120}
        )
        client, source = await connect(service), sources.gated()
        task = removal(source.url)
        await client.send(task)
        await source.asked.wait()
        service.terminate()

        async def is_draining() -> bool:
            return (await http.get(f"{service.url}/health/ready")).status_code == 503

        await wait_until(is_draining)
        return Drain(service, client, task, source)

    return begin


async def test_drain_delivers_what_is_in_work_then_closes_with_restart_and_exits_with_zero(
    begin: Begin,
) -> None:
    drain = await begin()
    exit_code = await drain.ended()
    assert "imageURL" in (await drain.client.replies(drain.task["taskUUID"]))[0]
    assert await drain.client.closed() == SERVICE_RESTART
    assert exit_code == 0


async def test_draining_service_refuses_new_tasks_and_answers_the_rest(
    begin: Begin, http: httpx.AsyncClient
) -> None:
    drain = await begin()
    client, url = drain.client, drain.service.url
    over_ws = await client.run(removal())
    over_http = await http.post(f"{url}/v1", json=[removal()], headers=BEARER)
    await client.pong()
    running = await client.run(poll(drain.task["taskUUID"]))
    live = await http.get(f"{url}/health/live")
    assert over_ws["code"] == "serviceUnavailable"
    assert over_http.json()["errors"][0]["code"] == "serviceUnavailable"
    assert over_http.status_code == 503
    assert running["status"] == "processing"
    assert live.status_code == 200
    assert await drain.ended() == 0


async def test_drain_lets_a_post_in_work_end(
    start_service: StartService, sources: PictureServer, http: httpx.AsyncClient
) -> None:
    service = start_service(arguments=["--allow-private-networks"])
    source = sources.gated()
    async with asyncio.TaskGroup() as group:
        posting = group.create_task(
            http.post(f"{service.url}/v1", json=[removal(source.url)], headers=BEARER)
        )
        await source.asked.wait()
        service.terminate()
        source.open()
    assert "imageURL" in posting.result().json()["data"][0]
    assert await asyncio.to_thread(service.exit_code) == 0


@pytest.mark.parametrize("path", ["/v1", "/v2/image/edit/crop_foreground"])
async def test_drain_gives_requests_the_time_that_sockets_have(
    start_service: StartService, sources: PictureServer, http: httpx.AsyncClient, path: str
) -> None:
    service = start_service(
        arguments=["--allow-private-networks"], settings={"edge__shutdown_timeout_s": 1}
    )
    source = sources.gated()
    bodies = {"/v1": [removal(source.url)]}
    body = bodies.get(path, {"image": source.url, "sync": True})
    async with asyncio.TaskGroup() as group:
        posting = group.create_task(
            http.post(f"{service.url}{path}", json=body, headers=BEARER | {"api_token": KEY})
        )
        await source.asked.wait()
        service.terminate()

        async def is_draining() -> bool:
            return (await http.get(f"{service.url}/health/ready")).status_code == 503

        await wait_until(is_draining)
        source.open()
    assert posting.result().status_code == 200, posting.result().text
    assert await asyncio.to_thread(service.exit_code) == 0


async def test_drain_closes_idle_sockets_with_restart(
    start_service: StartService, connect: Connect, stranger: Connect
) -> None:
    service = start_service()
    known, unknown = await connect(service), await stranger(service)
    service.terminate()
    assert (await known.closed(), await unknown.closed()) == (SERVICE_RESTART, SERVICE_RESTART)
    assert service.exit_code() == 0
