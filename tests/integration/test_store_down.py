"""A store that stops answering: nothing is lost, and nothing is taken that cannot be kept."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from integration.conftest import Connect
from integration.gauges import wait_until
from integration.household import ask
from integration.service import KEY, Service
from integration.sources import PictureServer
from integration.tasks import poll, removal, upload

BUCKET = "pictures"
START_S = 60.0


class Bucket:
    """An S3 of moto's in a process of its own, which can be stopped and goes on as it was."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_S
        while not self._has_bucket():
            assert time.monotonic() < deadline, "moto does not start"

    @property
    def settings(self) -> dict[str, object]:
        return {
            "store__kind": "s3",
            "store__bucket": BUCKET,
            "store__endpoint": f"http://127.0.0.1:{self._port}",
            "store__access_key_id": "id",
            "store__secret_access_key": "s3cret",
            "store__allow_http": "true",
            "store__timeout_s": 0.5,
        }

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let it take connections and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _has_bucket(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=START_S)
        try:
            connection.request("PUT", f"/{BUCKET}")
            return connection.getresponse().status == 200
        except OSError:
            time.sleep(0.05)
            return False
        finally:
            connection.close()


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    pytest.importorskip("moto.server", reason="moto[server] is not installed: no S3 here")
    bucket = Bucket()
    yield bucket
    bucket.end()


@pytest.fixture(scope="module")
def service(bucket: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(
        tmp_path_factory.mktemp("s3"),
        arguments=["--allow-private-networks"],
        settings=bucket.settings,
    )
    yield service
    service.stop()
    assert service.defects() == []


async def test_result_stays_pollable(service: Service, bucket: Bucket, connect: Connect) -> None:
    client = await connect(service)
    task = removal(deliveryMethod="async", outputType="base64Data")
    await client.run(task)
    first = await ask(client, task["taskUUID"])
    with bucket.stopped():
        told = await ask(client, task["taskUUID"])
    assert told["code"] == "storageUnavailable"
    assert (await ask(client, task["taskUUID"]))["imageBase64Data"] == first["imageBase64Data"]


async def test_task_that_cannot_be_kept_is_refused_and_may_be_sent_again(
    service: Service, bucket: Bucket, http: httpx.AsyncClient
) -> None:
    task, headers = removal(), {"Authorization": f"Bearer {KEY}"}
    with bucket.stopped():
        refused = await http.post(f"{service.url}/v1", json=[task], headers=headers)
    taken = await http.post(f"{service.url}/v1", json=[task], headers=headers)
    assert (refused.status_code, taken.status_code) == (503, 200)
    assert refused.json()["errors"][0]["code"] == "storageUnavailable"


async def test_task_whose_result_cannot_be_kept_fails_by_name_once(
    service: Service, bucket: Bucket, connect: Connect, sources: PictureServer
) -> None:
    client, source = await connect(service), sources.gated()
    task = removal(source.url)
    await client.send(task)
    await source.asked.wait()
    with bucket.stopped():
        source.open()
        (told,) = await client.replies(task["taskUUID"])
    assert told["code"] == "storageUnavailable"
    assert (await client.run(poll(task["taskUUID"])))["code"] == "storageUnavailable"


async def test_service_says_that_it_is_not_ready_until_the_store_answers(
    service: Service, bucket: Bucket, http: httpx.AsyncClient
) -> None:
    async def is_ready() -> bool:
        return (await http.get(f"{service.url}/health/ready")).status_code == 200

    async def is_not_ready() -> bool:
        return not await is_ready()

    await wait_until(is_ready)
    with bucket.stopped():
        await wait_until(is_not_ready)
        assert (await http.get(f"{service.url}/health/live")).status_code == 200
    await wait_until(is_ready)


async def test_picture_that_the_store_does_not_give_now_is_told_to_come_later(
    service: Service, bucket: Bucket, connect: Connect, http: httpx.AsyncClient
) -> None:
    client = await connect(service)
    uploaded = await client.run(upload())
    with bucket.stopped():
        later = await http.get(uploaded["imageURL"])
    assert (later.status_code, later.headers["Retry-After"]) == (503, "1")
    assert later.headers["X-Content-Type-Options"] == "nosniff"
    assert (await http.get(uploaded["imageURL"])).status_code == 200
