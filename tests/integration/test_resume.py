"""A socket that drops: its session waits, and what the client is owed follows the next login."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from integration.client import Client, Frame, elements_of
from integration.conftest import Connect, StartService
from integration.gauges import gauge
from integration.service import OTHER_KEY, Service
from integration.sources import PictureServer, Source
from integration.tasks import poll, removal

POLICY_VIOLATION = 1008


@pytest.fixture(scope="module")
def narrow_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that stops reading a socket as soon as one task is in work."""
    service = Service(
        tmp_path_factory.mktemp("narrow"),
        arguments=["--allow-private-networks"],
        settings={"limits__in_flight_per_socket": 1, "fetch__total_s": 120},
    )
    yield service
    service.stop()
    assert service.defects() == []


async def test_resumed_session_keeps_its_name(service: Service, connect: Connect) -> None:
    first = await connect(service)
    await first.drop()
    assert (await connect(service, session=first.session)).session == first.session


async def test_unfinished_task_is_delivered_after_the_resume(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    first, task, source = await _with_task_in_work(lan_service, connect, sources)
    await first.drop()
    second = await connect(lan_service, session=first.session)
    source.open()
    (result,) = elements_of(await second.next())
    assert (result["taskUUID"], "imageURL" in result) == (task["taskUUID"], True)


async def test_result_that_came_meanwhile_follows_the_login_reply(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    first, task, source = await _with_task_in_work(lan_service, connect, sources)
    await first.drop()
    await _finish(lan_service, connect, task, source)
    second = await connect(lan_service, session=first.session)
    assert elements_of(await second.next())[0]["taskUUID"] == task["taskUUID"]
    assert "authentication" in second.texts[0]


async def test_result_is_delivered_once_though_two_logins_follow(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    first, task, source = await _with_task_in_work(lan_service, connect, sources)
    await first.drop()
    await _finish(lan_service, connect, task, source)
    second = await connect(lan_service, session=first.session)
    await second.replies(task["taskUUID"])
    await _confirm(second)
    await second.drop()
    third = await connect(lan_service, session=first.session)
    await third.pong()
    assert len(second.about(task["taskUUID"])) == 1
    assert third.about(task["taskUUID"]) == []


async def test_result_that_the_client_got_is_not_sent_again(
    service: Service, connect: Connect
) -> None:
    first, task = await connect(service), removal()
    await first.run(task)
    await _confirm(first)
    await first.drop()
    second = await connect(service, session=first.session)
    await second.pong()
    assert second.about(task["taskUUID"]) == []


async def test_error_is_owed_like_a_result(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    first, source = await connect(lan_service), sources.gated(status=404)
    task = removal(source.url)
    await first.send(task)
    await source.asked.wait()
    await first.drop()
    source.open()
    second = await connect(lan_service, session=first.session)
    assert (await second.replies(task["taskUUID"]))[0]["code"] == "downloadFailed"


async def test_another_tenant_gets_nothing_of_a_session(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    first, task, source = await _with_task_in_work(lan_service, connect, sources)
    await first.drop()
    await _finish(lan_service, connect, task, source)
    thief = await connect(lan_service, OTHER_KEY, first.session)
    await thief.pong()
    assert thief.session != first.session
    assert thief.about(task["taskUUID"]) == []


async def test_owner_can_resume_after_another_tenant_tried(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    first, task, source = await _with_task_in_work(lan_service, connect, sources)
    await first.drop()
    await connect(lan_service, OTHER_KEY, first.session)
    source.open()
    second = await connect(lan_service, session=first.session)
    assert "imageURL" in (await second.replies(task["taskUUID"]))[0]


async def test_session_moves_to_the_newer_socket(service: Service, connect: Connect) -> None:
    first = await connect(service)
    second, task = await connect(service, session=first.session), removal()
    assert await first.closed() == POLICY_VIOLATION
    assert "imageURL" in await second.run(task)


async def test_task_in_work_moves_to_the_newer_socket(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    first, task, source = await _with_task_in_work(lan_service, connect, sources)
    second = await connect(lan_service, session=first.session)
    source.open()
    assert "imageURL" in (await second.replies(task["taskUUID"]))[0]
    assert first.about(task["taskUUID"]) == []


async def test_socket_may_lose_its_session_while_it_is_answered(
    service: Service, connect: Connect
) -> None:
    first = await connect(service)
    await first.send(*(removal(deliveryMethod="async") for _ in range(60)))
    await connect(service, session=first.session)
    assert await first.closed() == POLICY_VIOLATION
    assert service.defects() == []


async def test_poll_finds_the_result_without_the_session(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    first, task, source = await _with_task_in_work(lan_service, connect, sources)
    await first.drop()
    second = await connect(lan_service)
    await second.send(poll(task["taskUUID"]))
    source.open()
    assert (await second.replies(task["taskUUID"], count=2))[1]["status"] == "success"


async def test_expired_session_gives_a_new_one(
    start_service: StartService, connect: Connect, http: httpx.AsyncClient
) -> None:
    service = start_service(settings={"limits__resume_s": 0})
    first = await connect(service)
    await first.drop()
    await gauge(http, service, "cutwire_connections", 0)
    assert (await connect(service, session=first.session)).session != first.session


async def test_client_that_found_a_reply_too_big_is_told_so_and_not_sent_it_again(
    service: Service, connect: Connect
) -> None:
    task = removal(outputType="base64Data")
    first = await connect(service, max_size=1000)
    await first.send(task)
    await first.closed()
    second = await connect(service, session=first.session, max_size=1000)
    error = (await second.replies(task["taskUUID"]))[0]
    assert (error["code"], error["parameter"]) == ("resultTooLarge", "outputType")


async def test_result_that_was_too_big_is_kept_for_polls(
    service: Service, connect: Connect
) -> None:
    task = removal(outputType="base64Data")
    first = await connect(service, max_size=1000)
    await first.send(task)
    await first.closed()
    second = await connect(service)
    assert "imageBase64Data" in await second.run(poll(task["taskUUID"]))


async def test_full_socket_is_given_up_when_its_client_drops(
    narrow_service: Service, connect: Connect, sources: PictureServer, http: httpx.AsyncClient
) -> None:
    await _fill_and_drop(narrow_service, connect, sources)
    await gauge(http, narrow_service, "cutwire_connections", 1)  # the witness


async def test_message_that_waited_to_be_read_does_not_confirm_a_result(
    narrow_service: Service, connect: Connect, sources: PictureServer
) -> None:
    first, task = await _fill_and_drop(narrow_service, connect, sources)
    second = await connect(narrow_service, session=first.session)
    assert "imageURL" in (await second.replies(task["taskUUID"]))[0]


async def _fill_and_drop(
    service: Service, connect: Connect, sources: PictureServer
) -> tuple[Client, Frame]:
    """A client that dropped with a task in work and another message behind it."""
    client, task, source = await _with_task_in_work(service, connect, sources)
    await client.send(removal())  # stays unread as long as the first task runs
    await client.drop()
    await _finish(service, connect, task, source)
    return client, task


async def _with_task_in_work(
    service: Service, connect: Connect, sources: PictureServer
) -> tuple[Client, Frame, Source]:
    """A client, its task, and the gate that the task waits at."""
    client, source = await connect(service), sources.gated()
    task = removal(source.url)
    await client.send(task)
    await source.asked.wait()
    return client, task, source


async def _finish(service: Service, connect: Connect, task: Frame, source: Source) -> None:
    """Open a task's gate, and wait on another socket until the task has ended."""
    witness = await connect(service)
    await witness.send(poll(task["taskUUID"]))
    await witness.next()
    source.open()
    await witness.replies(task["taskUUID"], count=2)


async def _confirm(client: Client) -> None:
    """Wait until the service has read what this client answered to control pings."""
    await client.pong()
    await client.pong()
