"""The task array over HTTP: one POST, one body."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from integration.client import PING, elements_of
from integration.conftest import Connect, StartService
from integration.pictures import picture_of, scene_uri
from integration.service import KEY, OTHER_KEY, Service
from integration.sources import PictureServer
from integration.tasks import REMOVAL, new_uuid, poll, removal, upload

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
BEARER = {"Authorization": f"Bearer {KEY}"}
LOGIN = {"taskType": "authentication", "apiKey": KEY}
Post = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def post(service: Service, http: httpx.AsyncClient) -> Post:
    """POST an array, or a body as it is."""

    async def post(
        *tasks: Any,
        body: bytes | None = None,
        headers: dict[str, str] = BEARER,
        to: Service = service,
    ) -> httpx.Response:
        content = json.dumps(tasks).encode() if body is None else body
        return await http.post(f"{to.url}/v1", content=content, headers=JSON | headers)

    return post


async def test_key_in_the_header_is_taken(post: Post) -> None:
    answer = await post(removal())
    assert answer.status_code == 200
    assert (await picture_of(answer.json()["data"][0])).size == (96, 72)


async def test_scheme_of_the_header_is_taken_in_any_case(post: Post) -> None:
    answer = await post(removal(), headers={"Authorization": f"bearer {KEY}"})
    assert answer.status_code == 200


async def test_key_in_the_first_element_is_taken_and_not_answered(post: Post) -> None:
    task = removal()
    answer = await post(LOGIN, task, headers={})
    assert [element["taskUUID"] for element in answer.json()["data"]] == [task["taskUUID"]]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missingApiKey"),
        ({"Authorization": "Bearer wrong"}, "invalidApiKey"),
        ({"Authorization": "Bearer"}, "invalidApiKey"),
        ({"Authorization": KEY}, "invalidApiKey"),
        ({"Authorization": f"Basic {KEY}"}, "invalidApiKey"),
    ],
)
async def test_post_without_a_right_key_is_401(
    post: Post, headers: dict[str, str], code: str
) -> None:
    answer = await post(removal(), headers=headers)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["parameter"]) == (401, code, "apiKey")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_wrong_key_in_the_header_is_401_before_the_body_comes(service: Service) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = ["POST /v1 HTTP/1.1", "Host: x", "Authorization: Bearer wrong", "Content-Length: 9999"]
    writer.write("\r\n".join([*head, "", ""]).encode())
    async with asyncio.timeout(10):
        assert (await reader.readline()).split()[1] == b"401"
    writer.close()


async def test_spaces_before_the_key_are_none_of_it(post: Post) -> None:
    assert (await post(PING, headers={"Authorization": f"Bearer   {KEY}"})).status_code == 200


async def test_wrong_key_in_the_first_element_is_401(post: Post) -> None:
    answer = await post(LOGIN | {"apiKey": "wrong"}, removal(), headers={})
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["taskType"] == "authentication"


async def test_guesser_of_keys_gets_429_and_a_right_key_is_still_taken(
    start_service: StartService, post: Post
) -> None:
    service, wrong = (
        start_service(settings={"limits__wrong_keys_per_minute": 1}),
        {"Authorization": "Bearer wrong"},
    )
    first, second = [await post(removal(), headers=wrong, to=service) for _ in range(2)]
    assert (first.status_code, second.status_code) == (401, 429)
    assert second.json()["errors"][0]["code"] == "rateLimitExceeded"
    assert int(second.headers["retry-after"]) > 0
    assert (await post(removal(), to=service)).status_code == 200


async def test_partial_success_is_200_with_data_and_errors(post: Post) -> None:
    good, bad = removal(), removal(outputFormat="GIF")
    answer = await post(bad, good)
    body = answer.json()
    assert answer.status_code == 200
    assert [element["taskUUID"] for element in body["data"]] == [good["taskUUID"]]
    assert [element["taskUUID"] for element in body["errors"]] == [bad["taskUUID"]]


async def test_body_without_errors_has_no_errors_member(post: Post) -> None:
    assert list((await post(removal())).json()) == ["data"]


async def test_only_errors_have_the_status_of_the_first(post: Post) -> None:
    unknown, bad = poll(new_uuid()), removal(outputFormat="GIF")
    assert (await post(unknown, bad)).status_code == 404
    assert (await post(bad, unknown)).status_code == 400


async def test_results_are_in_the_order_of_the_tasks(
    lan_service: Service, post: Post, sources: PictureServer
) -> None:
    slow = sources.gated()
    tasks = [removal(slow.url), removal(), removal(scene_uri(300, 200)), removal()]
    async with asyncio.TaskGroup() as group:
        posting = group.create_task(post(*tasks, to=lan_service))
        await slow.asked.wait()
        slow.open()
    answered = [element["taskUUID"] for element in posting.result().json()["data"]]
    assert answered == [task["taskUUID"] for task in tasks]


async def test_errors_are_in_the_order_of_the_tasks(post: Post) -> None:
    tasks = [removal("http://10.0.0.1/"), removal(outputFormat="GIF"), removal("!!")]
    answered = [element["taskUUID"] for element in (await post(*tasks)).json()["errors"]]
    assert answered == [task["taskUUID"] for task in tasks]


async def test_poll_behind_its_task_leaves_the_order_alone(post: Post) -> None:
    first, second = removal(), removal()
    data = (await post(first, second, poll(first["taskUUID"]))).json()["data"]
    finished = [element["taskUUID"] for element in data if "status" not in element]
    assert finished == [first["taskUUID"], second["taskUUID"]]


async def test_ping_is_answered(post: Post) -> None:
    assert (await post(PING)).json() == {"data": [{"taskType": "ping", "pong": True}]}


async def test_answer_is_json_that_nobody_stores(post: Post) -> None:
    answer = await post(removal())
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalidJSON"),
        (b"hello", "invalidJSON"),
        (b"[", "invalidJSON"),
        (b'[{"taskType":"\xff"}]', "invalidJSON"),
        (b"null", "invalidRequest"),
        (b"{}", "invalidRequest"),
        (b"[1]", "invalidRequest"),
        (b"[]", "arrayTooSmall"),
        (b"[" + b"{}," * 100 + b"{}]", "tooManyTasks"),
    ],
)
async def test_body_that_is_no_array_of_tasks_is_400(post: Post, body: bytes, code: str) -> None:
    answer = await post(body=body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)


async def test_body_over_the_limit_is_413(post: Post) -> None:
    answer = await post(body=b" " * (16 * MIB + 1000))
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["code"] == "messageTooLarge"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip"])
async def test_encoded_body_is_refused_unread(post: Post, encoding: str) -> None:
    body = gzip.compress(json.dumps([removal()]).encode())
    answer = await post(body=body, headers=BEARER | {"Content-Encoding": encoding})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalidRequest")


@pytest.mark.parametrize("name", ["identity", "Identity"])
async def test_identity_encoding_is_taken(post: Post, name: str) -> None:
    assert (await post(PING, headers=BEARER | {"Content-Encoding": name})).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_other_methods_are_405_and_say_post(
    service: Service, http: httpx.AsyncClient, method: str
) -> None:
    answer = await http.request(method, f"{service.url}/v1", headers=BEARER)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["errors"][0]["code"] == "invalidRequest"


async def test_path_with_a_slash_too_many_leads_nowhere_rather_than_to_what_the_client_named(
    service: Service, http: httpx.AsyncClient
) -> None:
    headers = BEARER | {"Host": "elsewhere.example"}
    answer = await http.post(f"{service.url}/v1/", content=b"[]", headers=headers)
    assert answer.status_code == 404
    assert "location" not in answer.headers


async def test_unknown_path_is_404_with_an_errors_body(
    service: Service, http: httpx.AsyncClient
) -> None:
    answer = await http.get(f"{service.url}/v2")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "invalidRequest"


async def test_async_task_is_acknowledged_and_found_over_both_transports(
    service: Service, post: Post, connect: Connect
) -> None:
    task = removal(deliveryMethod="async")
    acknowledged = (await post(task)).json()
    assert acknowledged == {"data": [{"taskType": REMOVAL, "taskUUID": task["taskUUID"]}]}
    client = await connect(service)
    await client.send(poll(task["taskUUID"]))
    while "imageURL" not in (result := elements_of(await client.next())[0]):
        assert result["status"] == "processing"
    polled = (await post(poll(task["taskUUID"]))).json()["data"][0]
    assert (polled["imageUUID"], polled["status"]) == (result["imageUUID"], "success")


async def test_poll_of_a_running_task_says_processing(
    lan_service: Service, post: Post, connect: Connect, sources: PictureServer
) -> None:
    client, source = await connect(lan_service), sources.gated()
    task = removal(source.url)
    await client.send(task)
    await source.asked.wait()
    (running,) = (await post(poll(task["taskUUID"]), to=lan_service)).json()["data"]
    assert running["status"] == "processing"
    source.open()


async def test_post_in_work_can_be_polled_over_a_socket_that_is_then_pushed_to(
    lan_service: Service, post: Post, connect: Connect, sources: PictureServer
) -> None:
    client, source = await connect(lan_service), sources.gated()
    task = removal(source.url)
    async with asyncio.TaskGroup() as group:
        group.create_task(post(task, to=lan_service))
        await source.asked.wait()
        await client.send(poll(task["taskUUID"]))
        await client.next()
        source.open()
        assert "imageURL" in elements_of(await client.next())[0]


async def test_failed_task_is_polled_with_status_error(post: Post) -> None:
    task = removal(new_uuid())
    await post(task)
    answer = await post(poll(task["taskUUID"]))
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["status"], error["taskType"]) == (400, "error", REMOVAL)


async def test_task_of_another_tenant_is_not_found(post: Post) -> None:
    task = removal()
    await post(task)
    answer = await post(poll(task["taskUUID"]), headers={"Authorization": f"Bearer {OTHER_KEY}"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "taskNotFound")


async def test_task_uuid_sent_again_is_a_conflict(post: Post) -> None:
    task = removal()
    await post(task)
    answer = await post(task)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "conflictTaskUUID")


async def test_upload_and_its_use_work_like_over_a_socket(post: Post) -> None:
    stored = (await post(upload())).json()["data"][0]
    assert (await post(removal(stored["imageUUID"]))).status_code == 200
