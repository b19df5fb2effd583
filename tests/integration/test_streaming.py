"""An array of eight on one socket: each result leaves when it is ready, matched to its task."""

from __future__ import annotations

import asyncio

from integration.client import elements_of
from integration.conftest import Connect
from integration.pictures import encoded, picture_of, scene, scene_uri
from integration.service import Service
from integration.sources import PictureServer
from integration.tasks import removal

SIZES = [(480 - 50 * number, 360 - 40 * number) for number in range(8)]


async def test_each_of_eight_mixed_sizes_gets_its_own_picture(
    service: Service, connect: Connect
) -> None:
    client, tasks = await connect(service), [removal(scene_uri(*size)) for size in SIZES]
    await client.send(*tasks)
    results = [(await client.replies(task["taskUUID"]))[0] for task in tasks]
    pictures = await asyncio.gather(*(picture_of(result) for result in results))
    assert [picture.size for picture in pictures] == SIZES


async def test_results_come_in_the_order_of_completion(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client = await connect(lan_service)
    held = [sources.gated(encoded(scene(*size))) for size in SIZES]
    tasks = [removal(source.url) for source in held]
    await client.send(*tasks)
    await asyncio.gather(*(source.asked.wait() for source in held))
    order = [5, 2, 7, 0, 6, 1, 4, 3]
    arrived = []
    for number in order:
        held[number].open()
        (element,) = elements_of(await client.next())
        arrived.append((element["taskUUID"], (await picture_of(element)).size))
    assert arrived == [(tasks[number]["taskUUID"], SIZES[number]) for number in order]


async def test_slow_task_holds_back_no_neighbour(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client, slow = await connect(lan_service), sources.gated()
    tasks = [removal(slow.url), *(removal() for _ in range(7))]
    await client.send(*tasks)
    quick = {elements_of(frame)[0]["taskUUID"] for frame in await client.take(7)}
    assert quick == {task["taskUUID"] for task in tasks[1:]}
    slow.open()
    assert elements_of(await client.next())[0]["taskUUID"] == tasks[0]["taskUUID"]


async def test_each_task_of_an_array_is_answered_once(service: Service, connect: Connect) -> None:
    client = await connect(service)
    tasks = [removal() if number % 3 else removal(rgba="red") for number in range(12)]
    await client.send(*tasks)
    await client.take(len(tasks))
    await client.pong()
    assert [len(client.about(task["taskUUID"])) for task in tasks] == [1] * len(tasks)
