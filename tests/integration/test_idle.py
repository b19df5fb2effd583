"""A silent socket is closed; a message, a ping or a task in work keeps it open."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from integration.client import Client
from integration.conftest import Connect
from integration.service import Service
from integration.sources import PictureServer
from integration.tasks import removal

NORMAL = 1000
POLICY_VIOLATION = 1008
IDLE_S = 1.5


@pytest.fixture(scope="module")
def hasty_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that waits for nobody."""
    service = Service(
        tmp_path_factory.mktemp("hasty"),
        arguments=["--allow-private-networks"],
        settings={"limits__idle_s": IDLE_S, "edge__login_timeout_s": 1, "fetch__total_s": 120},
    )
    yield service
    service.stop()
    assert service.defects() == []


async def test_silent_socket_is_closed(hasty_service: Service, connect: Connect) -> None:
    client = await connect(hasty_service)
    assert await client.closed() == NORMAL
    assert client.socket.close_reason == "idle"


async def test_socket_without_login_is_closed(hasty_service: Service, stranger: Connect) -> None:
    client = await stranger(hasty_service)
    assert await client.closed() == POLICY_VIOLATION


async def test_ping_begins_the_silence_anew(hasty_service: Service, connect: Connect) -> None:
    client = await connect(hasty_service)
    for _ in range(6):  # twice the time that a silent socket has
        assert not await _closes_within(client, IDLE_S / 3)
        await client.pong()


async def test_socket_with_a_task_in_work_is_not_idle(
    hasty_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client, source = await connect(hasty_service), sources.gated()
    task = removal(source.url)
    await client.send(task)
    assert not await _closes_within(client, IDLE_S * 2)
    source.open()
    assert "imageURL" in (await client.replies(task["taskUUID"]))[0]


async def test_session_of_an_idle_socket_can_be_resumed(
    hasty_service: Service, connect: Connect
) -> None:
    first = await connect(hasty_service)
    await first.closed()
    second = await connect(hasty_service, session=first.session)
    assert second.session == first.session


async def _closes_within(client: Client, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await client.socket.wait_closed()
    except TimeoutError:
        return False
    return True
