"""What was acknowledged outlives the process: kill -9 loses nothing and charges nothing twice."""

from __future__ import annotations

import json
import random
import resource
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path

import httpx
import pytest
from integration.client import Client, Frame, elements_of
from integration.conftest import Connect
from integration.household import Household, ask, running
from integration.pictures import data_uri, encoded, scene
from integration.service import KEY, TENANT, Service
from integration.sources import PictureServer
from integration.tasks import poll, removal, upload

SLICE = 20


@pytest.fixture
def household(tmp_path: Path) -> Iterator[Household]:
    with running(tmp_path) as household:
        yield household


class Owner:
    """Sends async tasks and wants every result; outlives the service and its connections."""

    def __init__(self, count: int) -> None:
        tasks = [async_removal() for _ in range(count)]
        self.tasks = {task["taskUUID"]: task for task in tasks}
        self.unsent = list(self.tasks)
        self.acknowledged: set[str] = set()
        self.images: defaultdict[str, set[str]] = defaultdict(set)
        self.errors: dict[str, str] = {}
        self.ended: set[str] = set()

    async def live(self, client: Client, until: Callable[[], bool]) -> None:
        """Ask for what is owed, send more, and listen until the condition holds."""
        owed = self.acknowledged - self.ended
        for first in range(0, len(owed), SLICE):
            await client.send(*map(poll, list(owed)[first : first + SLICE]))
        while self.unsent and not until():
            part, self.unsent = self.unsent[:SLICE], self.unsent[SLICE:]
            await client.send(*(self.tasks[task_uuid] for task_uuid in part))
            while not self.acknowledged.issuperset(part) and not until():
                self._keep(await client.next())
            await client.send(*(poll(task_uuid) for task_uuid in part))
        while not until():
            self._keep(await client.next())
        self.unsent = [uuid for uuid in self.tasks if uuid not in self.acknowledged]

    def _keep(self, frame: Frame) -> None:
        for element in elements_of(frame):
            task_uuid = element["taskUUID"]
            if element.get("code") not in (None, "conflictTaskUUID"):
                self.errors[task_uuid] = element["code"]
                self.ended.add(task_uuid)
            self.acknowledged.add(task_uuid)
            if "imageUUID" in element:
                self.images[task_uuid].add(element["imageUUID"])
                self.ended.add(task_uuid)


def _holds(seen: set[str], least: int) -> bool:
    return len(seen) >= least


def async_removal() -> Frame:
    return removal(deliveryMethod="async", includeCost=True)


@pytest.mark.parametrize(
    ("count", "kills"),
    [(20, 2), pytest.param(200, 20, marks=pytest.mark.slow)],
    ids=["small", "large"],
)
async def test_every_acknowledged_task_ends_once_and_is_charged_once(
    household: Household, connect: Connect, count: int, kills: int
) -> None:
    owner, dice = Owner(count), random.Random(count)
    service = household.start()
    for kill in range(kills):
        # Early ones hit tasks that are just being taken. Each run gets something done: a process
        # that is killed at once each time cannot tell a kill from a task that brings it down.
        seen = owner.ended if kill else owner.acknowledged
        least = len(seen) + 1 + dice.randrange(count // kills)
        await owner.live(await connect(service), until=partial(_holds, seen, least))
        service = household.restart()
    await owner.live(await connect(service), until=partial(_holds, owner.ended, count))
    client = await connect(service)
    for task_uuid in owner.tasks:  # the first answer stands
        owner.images[task_uuid].add((await ask(client, task_uuid))["imageUUID"])
    assert owner.errors == {}
    assert {task_uuid: len(images) for task_uuid, images in owner.images.items()} == dict.fromkeys(
        owner.tasks, 1
    )
    assert household.usage("--tasks") == dict.fromkeys(owner.tasks, 1)


async def test_sync_task_that_was_in_work_ends_after_the_crash(
    household: Household, connect: Connect, sources: PictureServer
) -> None:
    source = sources.gated()
    task = removal(source.url)
    client = await connect(household.start())
    await client.send(task)
    await source.asked.wait()
    client = await connect(household.restart())
    source.open()
    assert "imageURL" in await ask(client, task["taskUUID"])


async def test_async_task_outlives_an_orderly_restart(
    household: Household, connect: Connect, sources: PictureServer
) -> None:
    source = sources.gated()
    task = removal(source.url, deliveryMethod="async")
    service = household.start()
    client = await connect(service)
    await client.run(task)
    await source.asked.wait()
    service.terminate()
    service.exit_code()
    source.open()
    assert "imageURL" in await ask(await connect(household.start()), task["taskUUID"])


# One service that answered some tasks, was killed, and runs again


def post(service: Service, task: Frame) -> Frame:
    """Run one task over HTTP."""
    with httpx.Client(trust_env=False, timeout=60) as http:
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = http.post(f"{service.url}/v1", json=[task], headers=headers)
    (element,) = elements_of(json.loads(answer.text, parse_float=Decimal))
    return element


def get(url: str) -> bytes:
    with httpx.Client(trust_env=False, timeout=60) as http:
        return http.get(url).content


class Aftermath:
    """What was answered before the crash, and who answers after it."""

    def __init__(self, household: Household) -> None:
        broken = data_uri(encoded(scene())[:300])
        self.tasks = [removal(includeCost=True), upload(), removal(broken)]
        before = household.start()
        self.household = household
        self.answers = [post(before, task) for task in self.tasks]
        self.picture = get(self.answers[0]["imageURL"])
        self.usage = household.usage()
        self.service = household.restart()

    def after(self, place: int) -> Frame:
        return post(self.service, poll(self.tasks[place]["taskUUID"]))


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    with running(tmp_path_factory.mktemp("aftermath")) as household:
        yield Aftermath(household)


def test_result_that_was_delivered_is_the_same_after_the_crash(aftermath: Aftermath) -> None:
    before, after = aftermath.answers[0], aftermath.after(0)
    assert (after["imageUUID"], after["cost"]) == (before["imageUUID"], before["cost"])


def test_picture_that_was_delivered_is_the_same_after_the_crash(aftermath: Aftermath) -> None:
    assert get(aftermath.after(0)["imageURL"]) == aftermath.picture


def test_error_that_was_delivered_is_the_same_after_the_crash(aftermath: Aftermath) -> None:
    before, after = aftermath.answers[2], aftermath.after(2)
    assert (after["code"], after["message"]) == (before["code"], before["message"])


def test_task_uuid_is_taken_after_the_crash_too(aftermath: Aftermath) -> None:
    assert post(aftermath.service, aftermath.tasks[0])["code"] == "conflictTaskUUID"


def test_ledger_says_what_the_replies_said(aftermath: Aftermath) -> None:
    (day,) = aftermath.usage
    told = (day["tenant"], day["tasks"], Decimal(day["costUSD"]))
    assert told == (TENANT, 2, aftermath.answers[0]["cost"])


def test_failed_task_is_not_charged(aftermath: Aftermath) -> None:
    assert aftermath.tasks[2]["taskUUID"] not in aftermath.household.usage("--tasks")


def test_usage_is_shown_as_a_table(aftermath: Aftermath) -> None:
    shown = aftermath.household.run("usage")
    assert (shown.returncode, TENANT in shown.stdout) == (0, True)


def test_second_service_on_one_directory_refuses_to_start(aftermath: Aftermath) -> None:
    second = aftermath.household.run("serve", "--port", "0")
    assert second.returncode == 1
    assert "Another service uses" in second.stderr


def test_nothing_is_acknowledged_while_the_disk_is_full(aftermath: Aftermath) -> None:
    with full_disk(aftermath.service):
        assert post(aftermath.service, async_removal())["code"] == "storageUnavailable"


def test_what_was_refused_for_a_full_disk_may_be_sent_again(aftermath: Aftermath) -> None:
    task = async_removal()
    with full_disk(aftermath.service):
        post(aftermath.service, task)
    assert "code" not in post(aftermath.service, task)


def test_usage_of_a_directory_that_was_never_served_is_empty(tmp_path: Path) -> None:
    assert Household(tmp_path).usage("--tasks") == {}


@contextmanager
def full_disk(service: Service) -> Iterator[None]:
    """Let no file grow beyond what the database's log has already: its next page fails."""
    log = service.data_dir / "cutwire.sqlite-wal"
    _limit_files(service, log.stat().st_size)
    yield
    _limit_files(service, resource.RLIM_INFINITY)


def _limit_files(service: Service, size: int) -> None:
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
