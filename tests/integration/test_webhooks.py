"""Webhooks and uploads of the real service, to real receivers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from integration.pictures import scene_uri
from integration.service import KEY, ROOT, TENANT, Service
from integration.tasks import new_uuid, poll, removal
from receivers import Answer, Receiver, Request

QUICK = {"deliveries__first_wait_s": 0.01, "deliveries__longest_wait_s": 0.01}
LAN = ["--allow-private-networks"]
UNREACHABLE = "http://127.0.0.1:1/picture.png"


@pytest.fixture
async def receive() -> AsyncIterator[Callable[..., Awaitable[Receiver]]]:
    """Start receivers."""
    receivers: list[Receiver] = []

    async def receive(*script: Answer) -> Receiver:
        receivers.append(Receiver(script or (200,)))
        await receivers[-1].start()
        return receivers[-1]

    yield receive
    for receiver in receivers:
        await receiver.stop()


def webhook_secret(service: Service) -> bytes:
    """Ask the command line, as an operator does."""
    command = [sys.executable, "-m", "server.cli", "keys", "webhook-secret", "--tenant", TENANT]
    shown = subprocess.run(
        [*command, "--data-dir", str(service.data_dir)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    return base64.b64decode(shown.removeprefix("whsec_"))


def signature(key: bytes, request: Request, prefix: str) -> str:
    """Sign what came, as its receiver would to compare."""
    name = request.headers[f"{prefix}-id"]
    signed = f"{name}.{request.headers[f'{prefix}-timestamp']}.".encode() + request.body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


async def test_webhook_acknowledges_at_once_and_brings_the_flat_result(
    lan_service, connect, receive, http
) -> None:
    hook, client = await receive(), await connect(lan_service)
    task = removal(webhookURL=hook.url(), includeCost=True)

    acknowledged = await client.run(task)

    assert acknowledged == {"taskType": "removeBackground", "taskUUID": task["taskUUID"]}
    (request,) = await hook.received(1)
    told = json.loads(request.body)
    assert told["taskUUID"] == task["taskUUID"]
    assert told["cost"] > 0
    assert (await http.get(told["imageURL"])).status_code == 200


async def test_webhook_is_verified_with_the_secret_that_the_command_line_shows(
    lan_service, connect, receive
) -> None:
    hook, client = await receive(), await connect(lan_service)

    await client.run(removal(webhookURL=hook.url()))

    (request,) = await hook.received(1)
    expected = signature(webhook_secret(lan_service), request, "webhook")
    assert request.headers["webhook-signature"] == f"v1,{expected}"


async def test_failed_task_calls_its_webhook_with_the_flat_error(
    lan_service, connect, receive
) -> None:
    hook, client = await receive(), await connect(lan_service)
    task = removal(UNREACHABLE, webhookURL=hook.url())

    await client.run(task)

    (request,) = await hook.received(1)
    told = json.loads(request.body)
    assert (told["code"], told["taskUUID"]) == ("downloadFailed", task["taskUUID"])


async def test_webhook_of_a_posted_task_works_alike(lan_service, receive, http) -> None:
    hook, task = await receive(), None
    task = removal(webhookURL=hook.url())

    reply = await http.post(
        f"{lan_service.url}/v1", json=[task], headers={"Authorization": f"Bearer {KEY}"}
    )

    acknowledged = {"taskType": "removeBackground", "taskUUID": task["taskUUID"]}
    assert reply.json() == {"data": [acknowledged]}
    await hook.received(1)


async def test_upload_goes_beside_the_reply(lan_service, connect, receive, http) -> None:
    bucket, client = await receive(500, 201), await connect(lan_service)

    reply = await client.run(removal(uploadEndpoint=bucket.url("/put")))

    put = (await bucket.received(2))[1]
    assert (put.method, put.headers["content-type"]) == ("PUT", "image/png")
    assert put.body == (await http.get(reply["imageURL"])).content


async def test_poll_tells_that_an_upload_failed(start_service, connect, receive) -> None:
    bucket = await receive(403)
    service = start_service(arguments=LAN, settings=QUICK | {"deliveries__tries": 2})
    client = await connect(service)
    task = removal(uploadEndpoint=bucket.url("/put"))
    await client.run(task)
    await bucket.received(2)

    told = {"pending"}
    while told == {"pending"}:  # the try that has come is recorded a moment later
        await client.send(poll(task["taskUUID"]))
        told = {(await client.next())["data"][0].get("uploadStatus", "pending")}

    assert told == {"failed"}


@pytest.mark.parametrize("parameter", ["webhookURL", "uploadEndpoint"])
async def test_forbidden_address_is_refused_by_name(service, connect, receive, parameter) -> None:
    hook, client = await receive(), await connect(service)

    error = await client.run(removal(**{parameter: hook.url()}))

    assert error["code"] == f"invalid{parameter[:1].upper()}{parameter[1:]}"
    assert error["parameter"] == parameter
    assert hook.requests == []


async def test_pending_webhook_survives_a_kill(start_service, connect, receive) -> None:
    hook = await receive(503)
    slow = {"deliveries__first_wait_s": 60, "deliveries__longest_wait_s": 60}
    first = start_service(arguments=LAN, settings=slow)
    client = await connect(first)
    task = removal(webhookURL=hook.url())
    await client.run(task)
    await hook.received(1)
    first.process.kill()
    first.process.wait()
    hook.script = (200,)

    start_service(arguments=[*LAN, "--data-dir", str(first.data_dir)], settings=QUICK)

    request = (await hook.received(2))[1]
    assert json.loads(request.body)["taskUUID"] == task["taskUUID"]
    assert request.headers["webhook-id"] == task["taskUUID"]


async def test_poll_of_a_task_with_a_webhook_finds_its_result(
    lan_service, connect, receive
) -> None:
    hook, client = await receive(), await connect(lan_service)
    task = removal(webhookURL=hook.url())
    await client.run(task)
    await hook.received(1)

    await client.send(poll(task["taskUUID"]))

    found = (await client.replies(task["taskUUID"], count=2))[-1]
    assert found["status"] == "success"


async def test_edit_webhook_says_what_a_poll_says_and_is_signed_with_the_token(
    lan_service, receive, http
) -> None:
    hook, headers = await receive(), {"api_token": KEY}
    path = f"{lan_service.url}/v2/image/edit/crop_foreground"
    body = {"image": scene_uri(), "webhook_url": hook.url()}

    taken = (await http.post(path, json=body, headers=headers)).json()

    (request,) = await hook.received(1)
    key = hmac.new(KEY.encode(), b"bria-webhook-signing-v1", hashlib.sha256).digest()
    assert request.headers["bria-webhook-id"] == taken["request_id"]
    expected = signature(key, request, "bria-webhook")
    assert request.headers["bria-webhook-signature"] == f"v1={expected}"
    told = json.loads(request.body)
    polled = (await http.get(taken["status_url"], headers=headers)).json()
    assert (told["status"], told["request_id"]) == ("COMPLETED", taken["request_id"])
    assert told.keys() == polled.keys()


async def test_edit_webhook_to_a_forbidden_address_names_its_field(service, http) -> None:
    path = f"{service.url}/v2/image/edit/crop_foreground"
    body = {"image": scene_uri(), "webhook_url": "http://169.254.169.254/latest"}

    reply = await http.post(path, json=body, headers={"api_token": KEY})

    assert reply.status_code == 422
    assert "webhook_url" in reply.json()["error"]["details"]


async def test_key_of_a_webhook_is_kept_only_sealed(lan_service, receive, http) -> None:
    hook = await receive("hang")
    path = f"{lan_service.url}/v2/image/edit/crop_foreground"
    body = {"image": scene_uri(), "webhook_url": hook.url(f"/{new_uuid()}")}

    await http.post(path, json=body, headers={"api_token": KEY})
    await hook.received(1)

    key = hmac.new(KEY.encode(), b"bria-webhook-signing-v1", hashlib.sha256).digest()
    stored = b"".join(file.read_bytes() for file in lan_service.data_dir.glob("cutwire.sqlite*"))
    assert key not in stored
    assert KEY.encode() not in stored
