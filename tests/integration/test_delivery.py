"""Sync and async delivery, getResponse, and task UUIDs that were used before."""

from __future__ import annotations

import pytest
from integration.client import elements_of
from integration.conftest import Connect
from integration.pictures import picture_of
from integration.service import OTHER_KEY, Service
from integration.sources import PictureServer
from integration.tasks import OLD_REMOVAL, REMOVAL, new_uuid, poll, removal, upload

ASYNC = {"deliveryMethod": "async"}


async def test_async_task_is_acknowledged_with_type_and_uuid_alone(
    service: Service, connect: Connect
) -> None:
    client, task = await connect(service), removal(**ASYNC)
    await client.send(task)
    acknowledged = {"taskType": REMOVAL, "taskUUID": task["taskUUID"]}
    assert await client.next() == {"data": [acknowledged]}


async def test_async_task_is_acknowledged_before_it_has_run(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client, source = await connect(lan_service), sources.gated()
    await client.send(removal(source.url, **ASYNC))
    assert "data" in await client.next()
    source.open()


async def test_bad_async_task_gets_its_error_instead_of_an_acknowledgement(
    service: Service, connect: Connect
) -> None:
    client = await connect(service)
    error = await client.run(removal(outputFormat="GIF", **ASYNC))
    assert error["code"] == "invalidOutputFormat"


async def test_result_of_an_async_task_is_not_pushed_unasked(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client, watcher = await connect(lan_service), await connect(lan_service)
    source = sources.gated()
    task = removal(source.url, **ASYNC)
    await client.run(task)
    await watcher.send(poll(task["taskUUID"]))
    await watcher.next()
    source.open()
    await watcher.next()  # the task has ended, and whoever asked was told
    await client.pong()
    assert len(client.about(task["taskUUID"])) == 1


async def test_poll_of_a_running_task_says_processing_and_its_own_type(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client, source = await connect(lan_service), sources.gated()
    task = removal(source.url, taskType=OLD_REMOVAL, **ASYNC)
    await client.run(task)
    await client.send(poll(task["taskUUID"]))
    running = {"taskType": OLD_REMOVAL, "taskUUID": task["taskUUID"], "status": "processing"}
    assert (await client.take(2))[1] == {"data": [running]}
    source.open()


@pytest.mark.parametrize("delivery", ["sync", "async"])
async def test_result_is_pushed_to_whoever_polled(
    lan_service: Service, connect: Connect, sources: PictureServer, delivery: str
) -> None:
    sender, poller = await connect(lan_service), await connect(lan_service)
    source = sources.gated()
    task = removal(source.url, deliveryMethod=delivery)
    await sender.send(task)
    await source.asked.wait()
    await poller.send(poll(task["taskUUID"]))
    assert elements_of(await poller.next())[0]["status"] == "processing"
    source.open()
    (result,) = elements_of(await poller.next())
    assert (result["status"], result["taskUUID"]) == ("success", task["taskUUID"])


async def test_result_is_pushed_once_to_a_sender_that_polls(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client, source = await connect(lan_service), sources.gated()
    task = removal(source.url)
    await client.send(task)
    await source.asked.wait()
    await client.send(poll(task["taskUUID"]))
    await client.send(poll(task["taskUUID"]))
    await client.replies(task["taskUUID"], count=2)
    source.open()
    await client.replies(task["taskUUID"], count=3)
    await client.pong()
    assert len([e for e in client.about(task["taskUUID"]) if "imageURL" in e]) == 1


async def test_failure_is_pushed_to_whoever_polled(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client, source = await connect(lan_service), sources.gated(status=500)
    task = removal(source.url, **ASYNC)
    await client.run(task)
    await client.send(poll(task["taskUUID"]))
    await client.replies(task["taskUUID"], count=2)
    source.open()
    error = (await client.replies(task["taskUUID"], count=3))[2]
    assert (error["code"], error["status"]) == ("downloadFailed", "error")


@pytest.mark.parametrize("make", [removal, upload])
async def test_poll_of_a_finished_task_gives_its_result_with_status_success(
    service: Service, connect: Connect, make
) -> None:
    client, task = await connect(service), make()
    result = await client.run(task)
    await client.send(poll(task["taskUUID"]))
    polled = (await client.replies(task["taskUUID"], count=2))[1]
    assert polled["status"] == "success"
    assert {**polled, "imageURL": ""} == {**result, "status": "success", "imageURL": ""}
    assert (await picture_of(polled)).format == "PNG"


async def test_poll_of_a_failed_task_gives_its_error_with_status_error(
    service: Service, connect: Connect
) -> None:
    client, task = await connect(service), removal("!!")
    task["inputImage"] = new_uuid()
    error = await client.run(task)
    await client.send(poll(task["taskUUID"]))
    polled = (await client.replies(task["taskUUID"], count=2))[1]
    assert polled == error | {"status": "error"}
    assert polled["taskType"] == REMOVAL


async def test_poll_of_an_unknown_task_is_task_not_found(
    service: Service, connect: Connect
) -> None:
    client, unknown = await connect(service), new_uuid()
    error = await client.run(poll(unknown))
    assert (error["code"], error["taskUUID"], error["status"]) == ("taskNotFound", unknown, "error")


async def test_task_of_another_tenant_is_like_one_that_never_was(
    service: Service, connect: Connect
) -> None:
    owner, other, task = await connect(service), await connect(service, OTHER_KEY), removal()
    await owner.run(task)
    stolen = await other.run(poll(task["taskUUID"]))
    missing = await other.run(poll(new_uuid()))
    assert {**stolen, "taskUUID": ""} == {**missing, "taskUUID": ""}


async def test_poll_works_on_another_socket(service: Service, connect: Connect) -> None:
    first, second, task = await connect(service), await connect(service), removal()
    result = await first.run(task)
    polled = await second.run(poll(task["taskUUID"]))
    assert polled["imageUUID"] == result["imageUUID"]


async def test_two_sockets_of_one_tenant_get_their_own_results(
    service: Service, connect: Connect
) -> None:
    first, second = await connect(service), await connect(service)
    mine, theirs = removal(), removal()
    await first.send(mine)
    await second.send(theirs)
    await first.replies(mine["taskUUID"])
    await second.replies(theirs["taskUUID"])
    await first.pong()
    await second.pong()
    assert first.about(theirs["taskUUID"]) == second.about(mine["taskUUID"]) == []


async def test_task_uuid_is_a_conflict_while_the_first_runs(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client, source = await connect(lan_service), sources.gated()
    task = removal(source.url)
    await client.send(task)
    await source.asked.wait()
    await client.send(task)
    error = (await client.replies(task["taskUUID"]))[0]
    assert error["code"] == "conflictTaskUUID"
    source.open()
    assert "imageURL" in (await client.replies(task["taskUUID"], count=2))[1]


async def test_task_uuid_with_another_body_is_a_conflict(
    service: Service, connect: Connect
) -> None:
    client, task = await connect(service), removal()
    await client.run(task)
    await client.send(task | {"outputFormat": "WEBP"})
    assert (await client.replies(task["taskUUID"], count=2))[1]["code"] == "conflictTaskUUID"


async def test_task_uuid_twice_in_an_array_runs_once(service: Service, connect: Connect) -> None:
    client, task = await connect(service), removal()
    await client.send(task, task)
    replies = await client.replies(task["taskUUID"], count=2)
    assert sorted(reply.get("code", "") for reply in replies) == ["", "conflictTaskUUID"]


async def test_task_uuid_in_another_case_is_the_same(service: Service, connect: Connect) -> None:
    client, task = await connect(service), removal()
    await client.run(task)
    error = await client.run(task | {"taskUUID": task["taskUUID"].upper()})
    assert error["code"] == "conflictTaskUUID"


async def test_task_uuid_of_another_tenant_is_free(service: Service, connect: Connect) -> None:
    first, second, task = await connect(service), await connect(service, OTHER_KEY), removal()
    await first.run(task)
    assert "imageURL" in await second.run(task)


async def test_task_uuid_is_free_after_a_refusal(service: Service, connect: Connect) -> None:
    client, task = await connect(service), removal()
    await client.run(task | {"outputFormat": "GIF"})
    await client.send(task)
    assert "imageURL" in (await client.replies(task["taskUUID"], count=2))[1]
