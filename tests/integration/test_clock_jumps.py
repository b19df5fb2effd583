"""The time of day is set while the service works: what expires moves, and nothing else does."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from integration.client import Client, Frame
from integration.household import ask, running
from integration.jumping import OFFSET
from integration.service import KEY, Service
from integration.tasks import removal

HOURS_S = 2 * 3600.0
"""Longer than the life of a task or of a URL, shorter than that of a result."""
MANY = 12


class Clock:
    """The service's time of day."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / OFFSET

    def jump(self, seconds: float) -> None:
        """Be wrong by so much from now on."""
        aside = self._file.with_suffix(".new")
        aside.write_text(str(seconds))
        aside.rename(self._file)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clock")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with running(folder, module="tests.integration.jumping") as household:
        yield household.start()


@pytest.fixture
def clock(folder: Path) -> Iterator[Clock]:
    clock = Clock(folder)
    clock.jump(0)
    yield clock
    clock.jump(0)


@pytest.fixture
async def client(service: Service) -> AsyncIterator[Client]:
    client = await Client.open(service.ws_url)
    await client.login(KEY)
    yield client
    await client.leave()


async def status_of(frame: Frame) -> int:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(frame["imageURL"])).status_code


@pytest.mark.parametrize("seconds", [HOURS_S, -HOURS_S])
async def test_tasks_that_wait_for_their_turn_have_all_their_time(
    client: Client, clock: Clock, seconds: float
) -> None:
    tasks = [removal() for _ in range(MANY)]
    await client.send(*tasks)
    await client.replies(tasks[0]["taskUUID"])
    clock.jump(seconds)
    ends = [(await client.replies(task["taskUUID"]))[0] for task in tasks]
    assert [end.get("code") for end in ends] == [None] * MANY


@pytest.mark.parametrize("seconds", [HOURS_S, -HOURS_S])
async def test_task_that_was_acknowledged_is_found_after_a_jump(
    client: Client, clock: Clock, seconds: float
) -> None:
    task = removal(deliveryMethod="async", taskUUID=str(uuid.uuid4()))
    await client.run(task)
    clock.jump(seconds)
    assert "imageURL" in await ask(client, task["taskUUID"])


async def test_url_is_over_while_the_clock_is_past_its_end_and_open_when_it_is_right_again(
    client: Client, clock: Clock
) -> None:
    result = await client.run(removal())
    clock.jump(HOURS_S)
    assert await status_of(result) == 404
    clock.jump(0)
    assert await status_of(result) == 200


async def test_socket_outlives_every_jump(client: Client, clock: Clock) -> None:
    for seconds in (HOURS_S, -HOURS_S, 0):
        clock.jump(seconds)
        await client.pong()
