"""A run with bad input leaves no secret, no picture and no path in the log or in a reply."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from integration.client import Client
from integration.pictures import base64_of, encoded, scene, scene_uri
from integration.service import KEY, OTHER_KEY, ROOT, Service
from integration.tasks import new_uuid, poll, removal, upload

FORGED = '\r\n{"level":"critical","message":"forged"}'
WRONG_KEY = "a-key-that-nobody-has-4711"
PICTURE = encoded(scene())
HEADERS = {"Authorization": f"Bearer {KEY}"}
BAD = (
    *({"outputFormat": FORGED}, {"outputQuality": 1}, {"model": f"../../{FORGED}"}),
    *({FORGED: 1}, {"settings": {FORGED: 1}}, {"ttl": 5}, {"safety": FORGED}),
    *({"inputImage": f"http://user:p4ssw0rd@127.0.0.1/{FORGED}"}, {"inputImage": "/etc/passwd"}),
    *({"inputImage": base64_of(PICTURE[:200])}, {"inputImage": base64_of(PICTURE) + "!"}),
    *({"inputImage": new_uuid()}, {"webhookURL": "http://127.0.0.1/?token=t0ken"}),
    *({"taskUUID": FORGED}, {"taskType": FORGED}),
)


@dataclass(frozen=True, slots=True)
class Run:
    """All that the service said: to its log, and to its clients."""

    log: str
    replies: str
    signatures: list[str]
    secrets: dict[str, str]
    inputs_left: list[str]
    """Files of pictures that came inside tasks."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Send what is wrong in every way, to both dialects and over both ways in, and log all."""
    service = Service(
        tmp_path_factory.mktemp("leaks"),
        settings={"logs__level": "debug", "limits__wrong_keys_per_minute": 1000},
    )
    replies = asyncio.run(_over_websocket(service)) + _over_http(service)
    signatures = [
        parse_qs(urlsplit(url).query)["sig"][0] for text in replies for url in _urls(text)
    ]
    service.stop()
    secret = (service.data_dir / "signing.key").read_bytes()
    told = {"signing key": base64_of(secret)[:24], "signing key in hex": secret.hex()[:32]}
    left = [str(path) for path in (service.data_dir / "blobs" / "in").rglob("*") if path.is_file()]
    yield Run(service.log.read_text(), "\n".join(replies), signatures, told, left)
    assert service.defects() == []


async def _over_websocket(service: Service) -> list[str]:
    client = await Client.open(service.ws_url + f"?apiKey={WRONG_KEY}")
    await client.login(KEY)
    for fields in BAD:
        await client.send(removal() | fields)
        await client.next()
    for task in (removal(), removal(outputType="dataURI"), upload(), poll(new_uuid())):
        await client.run(task)
    await client.socket.send(FORGED)
    await client.next()
    await client.leave()
    stranger = await Client.open(service.ws_url)
    await stranger.send({"taskType": "authentication", "apiKey": WRONG_KEY})
    await stranger.next()
    await stranger.leave()
    return client.texts + stranger.texts


def _over_http(service: Service) -> list[str]:
    with httpx.Client(trust_env=False, timeout=60, base_url=service.url) as http:
        answers = [http.post("/v1", json=[removal() | fields], headers=HEADERS) for fields in BAD]
        answers += [
            http.post("/v1", json=[removal()], headers={"Authorization": f"Bearer {WRONG_KEY}"}),
            http.post("/v1", content=b"\xff" + FORGED.encode(), headers=HEADERS),
            http.post("/v2/image/edit/blur-background", json={"image": "x"}, headers=HEADERS),
            http.get(f"/im/..%2f..%2fetc/{WRONG_KEY}"),
            http.get("/im/a/b.png?exp=1&sig=forged"),
            http.get("/health/ready"),
            http.get("/metrics"),
        ]
    return [f"{answer.headers} {answer.text}" for answer in answers]


def _urls(text: str) -> list[str]:
    try:
        elements = json.loads(text).get("data", [])
    except ValueError:
        return []
    return [element["imageURL"] for element in elements if "imageURL" in element]


def test_urls_were_signed_in_this_run(run: Run) -> None:
    assert run.signatures


@pytest.mark.parametrize("key", [KEY, OTHER_KEY, WRONG_KEY])
def test_no_key_is_told(run: Run, key: str) -> None:
    assert key not in run.log + run.replies


def test_signing_key_is_not_told(run: Run) -> None:
    assert [name for name, text in run.secrets.items() if text in run.log + run.replies] == []


def test_no_picture_that_came_inside_a_task_is_left(run: Run) -> None:
    assert run.inputs_left == []


def test_signatures_are_not_logged(run: Run) -> None:
    assert [signature for signature in run.signatures if signature in run.log] == []


def test_pictures_are_not_logged(run: Run) -> None:
    inline = scene_uri().partition(",")[2]
    assert inline[:40] not in run.log
    assert "iVBORw0KGgo" not in run.log


@pytest.mark.parametrize("secret", ["p4ssw0rd", "t0ken"])
def test_secrets_in_urls_of_clients_are_not_told(run: Run, secret: str) -> None:
    assert secret not in run.log + run.replies


@pytest.mark.parametrize("path", [str(ROOT), "site-packages", "Traceback", "/etc/"])
def test_no_path_of_ours_is_in_a_reply(run: Run, path: str) -> None:
    assert path not in run.replies


def test_every_log_line_is_an_entry_of_ours(run: Run) -> None:
    entries = [json.loads(line) for line in run.log.splitlines()]
    assert all(set(entry) >= {"time", "level", "logger", "message"} for entry in entries)
    assert not any(entry["message"] == "forged" for entry in entries)
