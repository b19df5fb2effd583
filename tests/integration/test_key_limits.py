"""What one key may: its task types, its budget, its rate; and a key that is taken back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from decimal import Decimal

import httpx
import pytest
from integration.client import Frame
from integration.conftest import Connect, StartService
from integration.edits import CROP, ERASE, Editor, error_of
from integration.service import KEY, ROOT, TENANT, Service
from integration.sources import PictureServer
from integration.tasks import new_uuid, poll, removal, upload

PRICE = Decimal("0.000602")
"""Of a cut-out of the small blob, 96 × 72 pixels."""


def cutwire(service: Service, *arguments: str) -> str:
    """Run the command line on the service's data directory."""
    command = [sys.executable, "-m", "server.cli", *arguments]
    command += ["--data-dir", str(service.data_dir)]
    return subprocess.check_output(command, cwd=ROOT, text=True).strip()


async def new_key(service: Service, *options: str, tenant: str = TENANT) -> str:
    """Make a key while the service runs."""
    arguments = ("keys", "create", "--tenant", tenant, *options)
    return await asyncio.to_thread(cutwire, service, *arguments)


async def revoke(service: Service, label: str) -> None:
    listing = await asyncio.to_thread(cutwire, service, "keys", "list")
    (row,) = [line for line in listing.splitlines() if line.endswith(label)]
    await asyncio.to_thread(cutwire, service, "keys", "revoke", row.split()[0])


async def post(
    http: httpx.AsyncClient, service: Service, key: str, *tasks: Frame
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return await http.post(f"{service.url}/v1", json=list(tasks), headers=headers)


# Task types


async def test_task_outside_the_key_is_refused_and_its_neighbours_run(
    service: Service, connect: Connect
) -> None:
    client = await connect(service, await new_key(service, "--tasks", "imageUpload"))
    refused, taken = removal(), upload()
    await client.send(refused, taken)
    (error,) = await client.replies(refused["taskUUID"])
    assert (error["code"], error["taskType"]) == ("insufficientPermissions", "removeBackground")
    assert "imageURL" in (await client.replies(taken["taskUUID"]))[0]


async def test_task_outside_the_key_is_403_over_http(
    service: Service, http: httpx.AsyncClient
) -> None:
    key = await new_key(service, "--tasks", "imageUpload,imageErase")
    answer = await post(http, service, key, removal())
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (
        403,
        "insufficientPermissions",
    )


async def test_session_of_a_full_key_widens_no_other_key(
    service: Service, connect: Connect
) -> None:
    full = await connect(service, KEY)
    narrow = await connect(service, await new_key(service, "--tasks", "imageUpload"), full.session)
    assert narrow.session == full.session
    assert (await narrow.run(removal()))["code"] == "insufficientPermissions"


# Revoked keys


async def test_revoked_key_is_refused_at_every_door(
    service: Service, http: httpx.AsyncClient, stranger: Connect
) -> None:
    key = await new_key(service, "--label", "shut-out")
    await revoke(service, "shut-out")
    client = await stranger(service)
    await client.send({"taskType": "authentication", "apiKey": key})
    assert (await client.next())["errors"][0]["code"] == "invalidApiKey"
    assert (await post(http, service, key, removal())).status_code == 401
    error_of(await Editor(service, http, key).edit(CROP), 401)


async def test_socket_whose_key_is_revoked_does_no_more(service: Service, connect: Connect) -> None:
    client = await connect(service, await new_key(service, "--label", "caught-inside"))
    assert "imageURL" in await client.run(removal())
    await revoke(service, "caught-inside")
    assert (await client.run(removal()))["code"] == "invalidApiKey"
    assert await client.closed() == 1008


async def test_results_of_a_revoked_key_stay_with_its_tenant(
    service: Service, connect: Connect
) -> None:
    done = await (await connect(service, await new_key(service, "--label", "left"))).run(removal())
    await revoke(service, "left")
    polled = await (await connect(service, KEY)).run(poll(done["taskUUID"]))
    assert polled["imageUUID"] == done["imageUUID"]


# Budgets


async def test_flood_spends_the_budget_and_no_more(service: Service, connect: Connect) -> None:
    key = await new_key(service, "--budget", str(3 * PRICE), "--label", "flood", tenant="thrifty")
    client = await connect(service, key)
    tasks = [removal(includeCost=True) for _ in range(12)]
    await client.send(*tasks)
    replies = [(await client.replies(task["taskUUID"]))[0] for task in tasks]
    costs = [reply["cost"] for reply in replies if "cost" in reply]
    assert (len(costs), sum(costs)) == (3, 3 * PRICE)
    assert {reply["code"] for reply in replies if "cost" not in reply} == {"insufficientCredits"}


async def test_used_up_budget_is_402_over_http_and_403_at_the_edit_endpoints(
    service: Service, http: httpx.AsyncClient
) -> None:
    key = await new_key(service, "--budget", "0.0001")
    answer = await post(http, service, key, removal())
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"]) == (402, "insufficientCredits")
    assert "0.0001 USD a month" in error["message"]
    error_of(await Editor(service, http, key).edit(CROP), 403)


async def test_spending_is_remembered_over_a_kill(
    start_service: StartService, tmp_path_factory: pytest.TempPathFactory, connect: Connect
) -> None:
    first = start_service()
    key = await new_key(first, "--budget", str(PRICE))
    assert "imageURL" in await (await connect(first, key)).run(removal())
    first.process.kill()
    first.process.wait()
    second = start_service(arguments=["--data-dir", str(first.data_dir)])
    assert (await (await connect(second, key)).run(removal()))["code"] == "insufficientCredits"


async def test_failed_task_leaves_the_budget_as_it_was(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    key = await new_key(lan_service, "--budget", "0.0106")
    client = await connect(lan_service, key)
    for _ in range(3):
        missing = sources.open(status=404)
        assert (await client.run(removal(missing.url)))["code"] == "downloadFailed"


async def test_task_in_work_holds_its_highest_price(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client = await connect(lan_service, await new_key(lan_service, "--budget", "0.0106"))
    source = sources.gated()
    held = removal(source.url)
    await client.send(held)
    await source.asked.wait()
    assert (await client.run(removal()))["code"] == "insufficientCredits"
    source.open()
    await client.replies(held["taskUUID"])
    assert "imageURL" in await client.run(removal())


async def test_refused_repeat_does_not_free_what_its_first_holds(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client = await connect(lan_service, await new_key(lan_service, "--budget", "0.0212"))
    source = sources.gated()
    held = removal(source.url)
    await client.send(held)
    await source.asked.wait()
    assert (await client.run(removal(source.url, taskUUID=held["taskUUID"])))["code"] == (
        "conflictTaskUUID"
    )
    other = removal(sources.gated().url)
    third = removal(sources.gated().url)
    await client.send(other, third)
    assert (await client.replies(third["taskUUID"]))[0]["code"] == "insufficientCredits"
    source.open()


async def test_listing_shows_budget_and_spending(service: Service, connect: Connect) -> None:
    key = await new_key(service, "--budget", "5", "--label", "shown")
    await (await connect(service, key)).run(removal())
    listing = await asyncio.to_thread(cutwire, service, "keys", "list")
    (row,) = [line for line in listing.splitlines() if line.endswith("shown")]
    head = listing.splitlines()[0]
    assert head.index("USD this month") < head.index(" of ") < head.index("tasks")
    assert row.split()[row.split().index(str(PRICE)) + 1] == "5"


@pytest.mark.parametrize("amount", ["0", "-1", "nan", "inf", "much", "0.0000001"])
def test_budget_that_is_no_amount_is_refused(service: Service, amount: str) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        cutwire(service, "keys", "create", f"--budget={amount}")


# Rates


async def test_rates_are_told_with_the_time_to_come_back(
    start_service: StartService, connect: Connect, http: httpx.AsyncClient
) -> None:
    service = start_service(
        settings={"rates__tasks_per_minute": 2, "rates__requests_per_minute": 3}
    )
    client = await connect(service)
    tasks = [upload() for _ in range(3)]
    await client.send(*tasks)
    replies = [(await client.replies(task["taskUUID"]))[0] for task in tasks]
    (error,) = [reply for reply in replies if "code" in reply]
    assert error["code"] == "rateLimitExceeded"
    assert 1 <= error["retryAfter"] <= 30

    statuses = [(await post(http, service, KEY, poll(new_uuid()))).status_code for _ in range(3)]
    late = await post(http, service, KEY, poll(new_uuid()))
    assert (statuses, late.status_code) == ([404] * 3, 429)
    assert 1 <= int(late.headers["Retry-After"]) <= 20
    edit = await Editor(service, http).edit(ERASE)
    error_of(edit, 429)
    assert 1 <= int(edit.headers["Retry-After"]) <= 20


# Sockets


async def test_tenant_with_too_many_sockets_is_told_to_come_back(
    start_service: StartService, connect: Connect, stranger: Connect
) -> None:
    service = start_service(settings={"limits__max_sockets_per_tenant": 1})
    first = await connect(service)
    second = await stranger(service)
    await second.send({"taskType": "authentication", "apiKey": KEY})
    error = (await second.next())["errors"][0]
    assert (error["code"], error["taskType"]) == ("rateLimitExceeded", "authentication")
    assert await second.closed() == 1013
    assert (await connect(service, session=first.session)).session == first.session
