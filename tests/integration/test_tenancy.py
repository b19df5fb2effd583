"""What is one tenant's is not there for another: the same answer as for what never was."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from integration.client import Client, Frame
from integration.conftest import Connect
from integration.edits import CROP, Editor
from integration.pictures import scene_uri
from integration.service import KEY, OTHER_KEY, TENANT, Service
from integration.sources import PictureServer
from integration.tasks import new_uuid, poll, removal, upload

from inference.keys import folder_of


@pytest.fixture
async def owner(service: Service, connect: Connect) -> Client:
    return await connect(service, KEY)


@pytest.fixture
async def stranger_client(service: Service, connect: Connect) -> Client:
    return await connect(service, OTHER_KEY)


@pytest.fixture
async def result(owner: Client) -> Frame:
    """A result of the owner's."""
    return await owner.run(removal())


@pytest.fixture
async def held(
    lan_service: Service, sources: PictureServer, connect: Connect
) -> AsyncIterator[Any]:
    """A task of the owner's that runs until its gate opens."""
    source = sources.gated()
    client = await connect(lan_service, KEY)
    task = removal(source.url)
    await client.send(task)
    await source.asked.wait()
    yield client, task, source
    source.open()


def anonymous(text: object) -> str:
    """An answer without what differs between any two: UUIDs."""
    return re.sub(
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", json.dumps(text, default=str)
    )


async def post(http: httpx.AsyncClient, service: Service, key: str, *tasks: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return await http.post(f"{service.url}/v1", json=list(tasks), headers=headers)


# Tasks


async def test_result_of_another_tenant_is_like_none_over_the_socket(
    result: Frame, stranger_client: Client
) -> None:
    theirs = await stranger_client.run(poll(result["taskUUID"]))
    never = await stranger_client.run(poll(new_uuid()))
    assert theirs["code"] == "taskNotFound"
    assert anonymous(theirs) == anonymous(never)


async def test_result_of_another_tenant_is_like_none_over_http(
    result: Frame, service: Service, http: httpx.AsyncClient
) -> None:
    theirs = await post(http, service, OTHER_KEY, poll(result["taskUUID"]))
    never = await post(http, service, OTHER_KEY, poll(new_uuid()))
    assert (theirs.status_code, never.status_code) == (404, 404)
    assert anonymous(theirs.json()) == anonymous(never.json())


async def test_task_of_another_tenant_in_work_is_like_none(
    held: Any, lan_service: Service, connect: Connect
) -> None:
    _, task, _ = held
    client = await connect(lan_service, OTHER_KEY)
    theirs, never = await client.run(poll(task["taskUUID"])), await client.run(poll(new_uuid()))
    assert anonymous(theirs) == anonymous(never)


async def test_asking_for_anothers_task_does_not_bring_its_result_later(
    held: Any, lan_service: Service, connect: Connect
) -> None:
    owner, task, source = held
    client = await connect(lan_service, OTHER_KEY)
    await client.run(poll(task["taskUUID"]))
    source.open()
    await owner.replies(task["taskUUID"])
    await client.pong()
    assert len(client.about(task["taskUUID"])) == 1


async def test_uuid_of_anothers_task_is_free_to_use(result: Frame, stranger_client: Client) -> None:
    own = await stranger_client.run(removal(taskUUID=result["taskUUID"]))
    assert own["imageUUID"] != result["imageUUID"]


async def test_uuid_of_anothers_task_in_work_is_free_to_use(
    held: Any, lan_service: Service, connect: Connect
) -> None:
    _, task, _ = held
    client = await connect(lan_service, OTHER_KEY)
    assert "imageURL" in await client.run(removal(taskUUID=task["taskUUID"]))


async def test_each_tenant_polls_its_own_result_of_a_shared_uuid(
    result: Frame, owner: Client, stranger_client: Client
) -> None:
    own = await stranger_client.run(removal(taskUUID=result["taskUUID"]))
    await stranger_client.send(poll(result["taskUUID"]))
    await owner.send(poll(result["taskUUID"]))
    polled = [
        (await client.replies(result["taskUUID"], count=2))[1]["imageUUID"]
        for client in (owner, stranger_client)
    ]
    assert polled == [result["imageUUID"], own["imageUUID"]]


async def test_request_that_is_given_up_takes_no_task_of_another_with_it(
    held: Any, lan_service: Service, http: httpx.AsyncClient, sources: PictureServer
) -> None:
    owner, task, source = held
    waiting = sources.gated()
    twin = removal(waiting.url, taskUUID=task["taskUUID"])
    giving_up = asyncio.create_task(post(http, lan_service, OTHER_KEY, twin))
    await waiting.asked.wait()
    giving_up.cancel()
    await asyncio.gather(giving_up, return_exceptions=True)
    source.open()
    (reply,) = await owner.replies(task["taskUUID"])
    assert "imageURL" in reply
    waiting.open()


# Pictures


@pytest.mark.parametrize("make", [removal, upload])
async def test_image_of_another_tenant_is_like_none(
    owner: Client, stranger_client: Client, make: Any
) -> None:
    image = (await owner.run(make()))["imageUUID"]
    theirs = await stranger_client.run(removal(image))
    never = await stranger_client.run(removal(new_uuid()))
    assert theirs["code"] == "invalidInputImage"
    assert anonymous(theirs) == anonymous(never)


async def test_mask_of_another_tenant_is_like_none(result: Frame, stranger_client: Client) -> None:
    def erase(mask: str) -> Frame:
        return removal(taskType="imageErase", maskImage=mask)

    theirs = await stranger_client.run(erase(result["imageUUID"]))
    never = await stranger_client.run(erase(new_uuid()))
    assert theirs["code"] == "invalidMaskImage"
    assert anonymous(theirs) == anonymous(never)


async def test_image_of_another_tenant_is_like_none_to_the_edit_endpoints(
    result: Frame, service: Service, http: httpx.AsyncClient
) -> None:
    editor = Editor(service, http, OTHER_KEY)
    theirs = await editor.edit(CROP, image=result["imageUUID"])
    never = await editor.edit(CROP, image=new_uuid())
    assert theirs.status_code == 422
    assert anonymous(theirs.json()) == anonymous(never.json())


async def test_edit_of_another_tenant_is_like_none(
    service: Service, http: httpx.AsyncClient
) -> None:
    request_id = (await Editor(service, http, KEY).submit(CROP))["request_id"]
    editor = Editor(service, http, OTHER_KEY)
    theirs, never = await editor.status(request_id), await editor.status(new_uuid())
    assert (theirs.status_code, never.status_code) == (404, 404)
    assert anonymous(theirs.json()) == anonymous(never.json())


async def test_task_is_no_edit_even_of_its_own_tenant(
    result: Frame, service: Service, http: httpx.AsyncClient
) -> None:
    assert (await Editor(service, http, KEY).status(result["taskUUID"])).status_code == 404


# Sessions


async def test_session_of_another_tenant_is_like_none(
    service: Service, owner: Client, connect: Connect
) -> None:
    client = await connect(service, OTHER_KEY, owner.session)
    assert client.session not in ("", owner.session)


async def test_session_of_another_tenant_brings_none_of_its_results(
    held: Any, lan_service: Service, connect: Connect
) -> None:
    owner, task, source = held
    await owner.drop()
    thief = await connect(lan_service, OTHER_KEY, owner.session)
    source.open()
    back = await connect(lan_service, KEY, owner.session)
    assert "imageURL" in (await back.replies(task["taskUUID"]))[0]
    await thief.pong()
    assert thief.about(task["taskUUID"]) == []


async def test_session_id_without_a_right_key_brings_nothing(
    service: Service, owner: Client, stranger: Connect
) -> None:
    client = await stranger(service)
    login = {"taskType": "authentication", "apiKey": "wrong"}
    await client.send(login | {"connectionSessionUUID": owner.session})
    assert (await client.next())["errors"][0]["code"] == "invalidApiKey"
    await client.send(removal())
    assert (await client.next())["errors"][0]["code"] == "missingApiKey"


# URLs


def tampered(url: str) -> dict[str, str]:
    """A result's URL with one thing changed."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    folder, file = parts.path.split("/")[2:]
    base = f"{parts.scheme}://{parts.netloc}"
    signed = f"exp={query['exp']}&sig={query['sig']}"
    flipped = ("A" if query["sig"][0] != "A" else "B") + query["sig"][1:]
    return {
        "another picture": f"{base}/im/{folder}/{new_uuid()}.png?{signed}",
        "another folder": f"{base}/im/{folder_of('other')}/{file}?{signed}",
        "another kind": f"{base}/up/{folder}/{file}?{signed}",
        "another type": f"{base}{parts.path.removesuffix('.png')}.jpg?{signed}",
        "later": f"{base}{parts.path}?exp={int(query['exp']) + 1}&sig={query['sig']}",
        "much later": f"{base}{parts.path}?exp=99999999999999&sig={query['sig']}",
        "no expiry": f"{base}{parts.path}?sig={query['sig']}",
        "negative expiry": f"{base}{parts.path}?exp=-1&sig={query['sig']}",
        "another signature": f"{base}{parts.path}?exp={query['exp']}&sig={flipped}",
        "half a signature": f"{base}{parts.path}?exp={query['exp']}&sig={query['sig'][:20]}",
        "no signature": f"{base}{parts.path}?exp={query['exp']}",
        "nothing": f"{base}{parts.path}",
        "the key in its place": f"{base}{parts.path}?exp={query['exp']}&sig={KEY}",
    }


CHANGES = list(tampered("http://x/im/f/00000000-0000-4000-8000-000000000000.png?exp=1&sig=abc"))


@pytest.mark.parametrize("change", CHANGES)
async def test_url_with_anything_changed_is_like_that_of_a_picture_that_never_was(
    result: Frame, http: httpx.AsyncClient, change: str
) -> None:
    parts = urlsplit(result["imageURL"])
    changed = await http.get(tampered(result["imageURL"])[change])
    never = await http.get(f"{parts.scheme}://{parts.netloc}/im/{'0' * 16}/{new_uuid()}.png")
    assert (changed.status_code, changed.text) == (404, never.text)


@pytest.mark.parametrize(
    "path",
    ["/im", "/im/", "/im/{folder}", "/im/{folder}/", "/im/../keys.json", "/im/%2e%2e/signing.key"],
)
async def test_folder_cannot_be_listed_or_left(
    result: Frame, service: Service, http: httpx.AsyncClient, path: str
) -> None:
    folder = urlsplit(result["imageURL"]).path.split("/")[2]
    answer = await http.get(service.url + path.format(folder=folder))
    assert answer.status_code in (404, 405)


async def test_url_does_not_name_the_tenant(result: Frame) -> None:
    assert TENANT not in result["imageURL"]


# Keys


@pytest.mark.parametrize("wrong", [KEY[:-1], KEY + "x", KEY.upper(), f" {KEY}", TENANT, "x" * 200])
async def test_key_that_is_nearly_right_is_refused_like_any_other(
    service: Service, http: httpx.AsyncClient, wrong: str
) -> None:
    login = {"taskType": "authentication", "apiKey": wrong}
    answer = await http.post(f"{service.url}/v1", json=[login, removal()])
    entirely = await http.post(f"{service.url}/v1", json=[login | {"apiKey": "no"}, removal()])
    assert (answer.status_code, answer.json()) == (401, entirely.json())


async def test_key_in_the_url_is_not_looked_at(service: Service, http: httpx.AsyncClient) -> None:
    answer = await http.post(f"{service.url}/v1?apiKey={KEY}&api_token={KEY}", json=[removal()])
    assert answer.status_code == 401


# What others may see


async def test_metrics_name_no_tenant(
    result: Frame, service: Service, http: httpx.AsyncClient
) -> None:
    text = (await http.get(f"{service.url}/metrics")).text
    assert (TENANT in text, KEY in text, result["taskUUID"] in text) == (False, False, False)


async def test_log_holds_no_key_no_signature_and_no_picture(
    owner: Client, service: Service, http: httpx.AsyncClient
) -> None:
    image = scene_uri(90, 61)
    done = await owner.run(removal(image, outputType="base64Data"))
    linked = await owner.run(removal(image))
    await http.get(linked["imageURL"])
    await http.get(linked["imageURL"][:-1])
    await owner.run(removal("data:image/png;base64," + "QUJD" * 50))
    await Editor(service, http, "a-wrong-token-of-somebody").edit(CROP)
    log = service.log.read_text()
    signature = parse_qs(urlsplit(linked["imageURL"]).query)["sig"][0]
    secret = (service.data_dir / "signing.key").read_bytes()
    hidden = [KEY, OTHER_KEY, signature, image[30:90], done["imageBase64Data"][:60]]
    hidden += ["QUJDQUJDQUJD", "a-wrong-token-of-somebody", secret.hex()]
    assert [text for text in hidden if text in log] == []


async def test_line_breaks_of_clients_make_no_lines_in_the_log(
    owner: Client, service: Service, http: httpx.AsyncClient
) -> None:
    forged = 'x\n{"level":"error","message":"forged"}\r\n\x1b[2J'
    await owner.send(removal(taskUUID=forged), removal(model=forged), {"taskType": forged})
    await owner.pong()
    await Editor(service, http).edit(CROP, image=f"http://{forged}.test/")
    assert all(entry["message"] != "forged" for entry in service.entries())
    assert "\x1b" not in service.log.read_text()
