"""A task that ends the process each time: it is given up after three tries, and it alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest
from integration.client import elements_of
from integration.household import Household, running
from integration.pictures import scene_uri
from integration.poisoned import POISON
from integration.service import KEY, Service
from integration.tasks import poll, removal

NEIGHBOURS = 4
MANY_POLLS = 10_000


@dataclass(frozen=True, slots=True)
class Story:
    """What came of a poisoned task and its neighbours, and how often the service ended."""

    household: Household
    poison: dict[str, Any]
    neighbours: dict[str, dict[str, Any]]
    deaths: int


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Send a poisoned task among others, and restart the service as often as it ends."""
    folder = tmp_path_factory.mktemp("poison")
    with running(folder, module="tests.integration.poisoned") as household:
        poison = _async_removal(scene_uri(*POISON))
        others = [_async_removal(scene_uri()) for _ in range(NEIGHBOURS)]
        service, deaths = household.start(), 0
        for task in [*others[:2], poison, *others[2:]]:
            while not _is_taken(service, task):
                service, deaths = household.restart(), deaths + 1
        while (end := _end_of(service, poison)) is None:
            service, deaths = household.restart(), deaths + 1
        ends = {task["taskUUID"]: _end_of(service, task) or {} for task in others}
        yield Story(household, end, ends, deaths)


def test_task_that_ends_the_process_is_tried_three_times(story: Story) -> None:
    assert story.deaths == 3


def test_it_fails_by_name(story: Story) -> None:
    assert story.poison["code"] == "processingFailed"
    assert "3 times" in story.poison["message"]


def test_its_neighbours_finish(story: Story) -> None:
    assert all("imageURL" in end for end in story.neighbours.values())


def test_it_alone_is_not_charged(story: Story) -> None:
    assert story.household.usage("--tasks") == dict.fromkeys(story.neighbours, 1)


def _async_removal(image: str) -> dict[str, Any]:
    return removal(image, deliveryMethod="async", includeCost=True)


def _is_taken(service: Service, task: dict[str, Any]) -> bool:
    """Send a task; False: the service ended, and may or may not have taken it."""
    answer = _post(service, task)
    return answer is not None and answer.get("code") in (None, "conflictTaskUUID")


def _end_of(service: Service, task: dict[str, Any]) -> dict[str, Any] | None:
    """Ask until a task has ended; None: the service ended before."""
    for _ in range(MANY_POLLS):
        answer = _post(service, poll(task["taskUUID"]))
        if answer is None or answer.get("status") != "processing":
            return answer
    raise AssertionError("the task does not end")


def _post(service: Service, task: dict[str, Any]) -> dict[str, Any] | None:
    headers = {"Authorization": f"Bearer {KEY}"}
    try:
        answer = httpx.post(f"{service.url}/v1", json=[task], headers=headers, trust_env=False)
    except httpx.TransportError:
        return None
    (element,) = elements_of(answer.json(parse_float=Decimal))
    return element
