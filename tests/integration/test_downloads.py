"""URLs of results and uploads: open without a key, for a while, and for nobody who guesses."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from integration.conftest import Connect, StartService
from integration.pictures import MEDIA_TYPES, opened, scene_uri
from integration.service import Service
from integration.tasks import removal, upload

from server.signing import UrlSigner, load_secret

HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
}
HOUR_S = 3600


@pytest.mark.parametrize("make", [removal, upload])
async def test_url_opens_without_a_key(
    service: Service, connect: Connect, http: httpx.AsyncClient, make
) -> None:
    client = await connect(service)
    answer = await http.get((await client.run(make(scene_uri(70, 50))))["imageURL"])
    assert answer.status_code == 200
    assert opened(answer.content).size == (70, 50)


@pytest.mark.parametrize("output_format", MEDIA_TYPES)
async def test_headers_say_the_type_and_let_nothing_run(
    service: Service, connect: Connect, http: httpx.AsyncClient, output_format: str
) -> None:
    client = await connect(service)
    result = await client.run(removal(outputFormat=output_format))
    answer = await http.get(result["imageURL"])
    assert answer.headers["content-type"] == MEDIA_TYPES[output_format]
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


async def test_headers_name_the_file_and_allow_private_caching_until_it_expires(
    service: Service, connect: Connect, http: httpx.AsyncClient
) -> None:
    client = await connect(service)
    result = await client.run(removal())
    headers = (await http.get(result["imageURL"])).headers
    assert headers["content-disposition"] == f'inline; filename="{result["imageUUID"]}.png"'
    private, max_age, immutable = headers["cache-control"].split(", ")
    assert (private, immutable) == ("private", "immutable")
    assert 0 < int(max_age.removeprefix("max-age=")) <= HOUR_S


async def test_any_changed_character_is_404(
    service: Service, connect: Connect, http: httpx.AsyncClient
) -> None:
    client = await connect(service)
    url = (await client.run(removal()))["imageURL"].removeprefix(service.url)
    changed = [
        url[:place] + ("1" if url[place] == "0" else "0") + url[place + 1 :]
        for place in range(1, len(url))
    ]
    answers = [await http.get(f"{service.url}/{other[1:]}") for other in changed]
    assert {answer.status_code for answer in answers} == {404}


async def test_url_without_signature_is_404(
    service: Service, connect: Connect, http: httpx.AsyncClient
) -> None:
    client = await connect(service)
    url = (await client.run(removal()))["imageURL"]
    assert (await http.get(url.partition("?")[0])).status_code == 404
    assert (await http.get(url.partition("&")[0])).status_code == 404


async def test_expired_url_is_404(
    service: Service, connect: Connect, http: httpx.AsyncClient
) -> None:
    client = await connect(service)
    path = urlsplit((await client.run(removal()))["imageURL"]).path
    signer = UrlSigner((load_secret(service.data_dir),), clock=lambda: time.time() - 2 * HOUR_S)
    assert (await http.get(service.url + signer.sign(path, 3 * HOUR_S))).status_code == 200
    assert (await http.get(service.url + signer.sign(path, HOUR_S))).status_code == 404


async def test_right_signature_of_a_picture_that_never_was_is_404(
    service: Service, connect: Connect, http: httpx.AsyncClient
) -> None:
    signer = UrlSigner((load_secret(service.data_dir),))
    path = "/im/0123456789abcdef/00000000-0000-4000-8000-000000000000.png"
    assert (await http.get(service.url + signer.sign(path, HOUR_S))).status_code == 404


@pytest.mark.parametrize(("fields", "life_s"), [({}, HOUR_S), ({"ttl": 60}, 60)])
async def test_url_lives_an_hour_or_the_tasks_ttl(
    service: Service, connect: Connect, fields: dict[str, int], life_s: int
) -> None:
    client, begun = await connect(service), time.time()
    url = (await client.run(removal(**fields)))["imageURL"]
    expires = int(parse_qs(urlsplit(url).query)["exp"][0])
    assert begun + life_s - 2 <= expires <= time.time() + life_s + 2


async def test_url_begins_with_the_address_bound_whatever_host_the_client_names(
    service: Service, http: httpx.AsyncClient
) -> None:
    headers = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Authorization": "Bearer key-of-acme",
    }
    answer = await http.post(f"{service.url}/v1", json=[removal()], headers=headers)
    assert answer.json()["data"][0]["imageURL"].startswith(f"{service.url}/im/")


async def test_url_begins_with_the_public_url_of_the_settings(
    start_service: StartService, connect: Connect
) -> None:
    service = start_service(settings={"public_url": "https://cut.example/"})
    client = await connect(service)
    assert (await client.run(removal()))["imageURL"].startswith("https://cut.example/im/")


async def test_url_still_opens_after_a_restart(
    start_service: StartService, connect: Connect, http: httpx.AsyncClient
) -> None:
    first = start_service()
    url = (await (await connect(first)).run(removal()))["imageURL"]
    first.stop()
    second = start_service(arguments=["--data-dir", str(first.data_dir)])
    assert (await http.get(url.replace(first.url, second.url))).status_code == 200
