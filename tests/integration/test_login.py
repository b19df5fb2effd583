"""Login, sessions' names and keep-alive: the first frames of a connection."""

from __future__ import annotations

import json
import uuid

import pytest
from integration.client import PING, PONG
from integration.conftest import Connect, StartService
from integration.service import KEY, OTHER_KEY, Service
from integration.sources import PictureServer
from integration.tasks import poll, removal

TOO_BIG = 1009
POLICY_VIOLATION = 1008
UNSUPPORTED_DATA = 1003

LOGIN = {"taskType": "authentication", "apiKey": KEY}
WRONG_LOGIN = {"taskType": "authentication", "apiKey": "wrong"}


async def test_login_is_answered_with_a_session_uuid_and_nothing_else(
    service: Service, stranger: Connect
) -> None:
    client = await stranger(service)
    await client.send(LOGIN)
    frame = await client.next()
    session = frame["data"][0]["connectionSessionUUID"]
    assert frame == {"data": [{"taskType": "authentication", "connectionSessionUUID": session}]}
    assert str(uuid.UUID(session)) == session


async def test_each_connection_gets_its_own_session(service: Service, connect: Connect) -> None:
    first, second = await connect(service), await connect(service)
    assert first.session != second.session


async def test_wrong_key_is_invalid_api_key(service: Service, stranger: Connect) -> None:
    client = await stranger(service)
    await client.send(WRONG_LOGIN)
    assert await client.next() == {
        "errors": [
            {
                "code": "invalidApiKey",
                "message": "Invalid API key.",
                "parameter": "apiKey",
                "documentation": f"{service.url}/docs/errors#invalidApiKey",
                "taskType": "authentication",
            }
        ]
    }


async def test_right_key_is_taken_after_a_wrong_one(service: Service, stranger: Connect) -> None:
    client = await stranger(service)
    await client.send(WRONG_LOGIN)
    await client.next()
    await client.login(KEY)
    assert "imageURL" in await client.run(removal())


@pytest.mark.parametrize("key", [None, 1, [], {}, "", "k" * 600])
async def test_key_of_a_wrong_type_names_api_key(
    service: Service, stranger: Connect, key: object
) -> None:
    client = await stranger(service)
    await client.send({"taskType": "authentication", "apiKey": key})
    (error,) = (await client.next())["errors"]
    assert (error["code"], error["parameter"]) == ("invalidApiKey", "apiKey")


async def test_missing_key_is_missing_api_key(service: Service, stranger: Connect) -> None:
    client = await stranger(service)
    await client.send({"taskType": "authentication"})
    (error,) = (await client.next())["errors"]
    assert (error["code"], error["taskType"]) == ("missingApiKey", "authentication")


async def test_task_before_login_is_refused_with_its_uuid(
    service: Service, stranger: Connect
) -> None:
    client, task = await stranger(service), poll(str(uuid.uuid4()))
    error = await client.run(task)
    assert error["code"] == "missingApiKey"
    assert (error["taskUUID"], error["taskType"]) == (task["taskUUID"], "getResponse")


async def test_socket_can_log_in_after_a_task_before_login(
    service: Service, stranger: Connect
) -> None:
    client = await stranger(service)
    await client.run(removal())
    await client.next()
    await client.login(KEY)
    assert "imageURL" in await client.run(removal())


async def test_ping_before_login_is_answered(service: Service, stranger: Connect) -> None:
    client = await stranger(service)
    await client.send(PING)
    assert await client.next() == PONG


async def test_tasks_behind_a_login_in_the_first_array_run(
    service: Service, stranger: Connect
) -> None:
    client, tasks = await stranger(service), [removal(), removal()]
    await client.send(LOGIN, *tasks)
    assert "connectionSessionUUID" in (await client.next())["data"][0]
    for task in tasks:
        (result,) = await client.replies(task["taskUUID"])
        assert "imageURL" in result


async def test_tasks_before_the_login_in_the_first_array_are_refused(
    service: Service, stranger: Connect
) -> None:
    client, early, late = await stranger(service), removal(), removal()
    await client.send(early, LOGIN, late)
    assert (await client.replies(early["taskUUID"]))[0]["code"] == "missingApiKey"
    assert "imageURL" in (await client.replies(late["taskUUID"]))[0]


async def test_tasks_behind_a_wrong_key_are_refused(service: Service, stranger: Connect) -> None:
    client, task = await stranger(service), removal()
    await client.send(WRONG_LOGIN, task)
    assert (await client.next())["errors"][0]["code"] == "invalidApiKey"
    assert (await client.next())["errors"][0]["taskUUID"] == task["taskUUID"]


async def test_unknown_session_uuid_gets_a_new_session(service: Service, stranger: Connect) -> None:
    client, wanted = await stranger(service), str(uuid.uuid4())
    await client.login(KEY, wanted)
    assert client.session != wanted


async def test_unknown_query_parameters_and_headers_are_ignored(
    service: Service, stranger: Connect
) -> None:
    client = await stranger(
        service, "?sdk=js&version=1.3.2&dryRun=1", additional_headers={"X-SDK-Name": "js"}
    )
    await client.login(KEY)


async def test_long_first_message_closes_with_too_big(service: Service, stranger: Connect) -> None:
    client = await stranger(service)
    await client.socket.send(json.dumps([LOGIN | {"pad": "x" * 10_000}]))
    assert await client.closed() == TOO_BIG


async def test_long_message_after_login_is_taken(service: Service, connect: Connect) -> None:
    client = await connect(service)
    error = await client.run(removal("x" * 1_000_000))
    assert error["code"] == "invalidInputImage"


async def test_binary_message_closes_with_unsupported_data(
    service: Service, connect: Connect
) -> None:
    client = await connect(service)
    await client.socket.send(json.dumps([PING]).encode())
    assert await client.closed() == UNSUPPORTED_DATA


async def test_second_login_on_a_socket_goes_on_with_its_session(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client, source = await connect(lan_service), sources.gated()
    session, task = client.session, removal(source.url)
    await client.send(task)
    await source.asked.wait()
    await client.login(KEY)
    source.open()
    assert "imageURL" in (await client.replies(task["taskUUID"]))[0]
    assert client.session == session


async def test_login_with_another_tenants_key_leaves_the_session_behind(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client, source = await connect(lan_service), sources.gated()
    session, task = client.session, removal(source.url)
    await client.send(task)
    await source.asked.wait()
    await client.login(OTHER_KEY)
    source.open()
    owner = await connect(lan_service, session=session)
    assert "imageURL" in (await owner.replies(task["taskUUID"]))[0]
    await client.pong()
    assert client.about(task["taskUUID"]) == []


async def test_guesser_of_keys_is_hung_up_on(
    start_service: StartService, stranger: Connect
) -> None:
    service = start_service(settings={"limits__wrong_keys_per_minute": 2})
    client = await stranger(service)
    await client.send(WRONG_LOGIN, WRONG_LOGIN, WRONG_LOGIN)
    assert await client.closed() == POLICY_VIOLATION
    assert [frame["errors"][0]["code"] for frame in client.frames] == ["invalidApiKey"] * 3
    await (await stranger(service)).login(OTHER_KEY)  # a right key is always let in
