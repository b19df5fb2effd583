"""What is particular to S3: signed URLs, media types, a store that does not answer."""

from __future__ import annotations

import hashlib
import http.client
import http.server
import socket
import threading
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from inference.config import Secret
from inference.stores import Store, StoreSettings, open_store
from protocol.errors import StorageUnavailable


@pytest.fixture
def settings(s3_endpoint: str) -> StoreSettings:
    return StoreSettings(
        kind="s3",
        bucket="cutwire-test",
        endpoint=s3_endpoint,
        access_key_id=Secret("id"),
        secret_access_key=Secret("s3cret"),
        allow_http=True,
        renew_after_s=0,
    )


@pytest.fixture
def bucket(settings: StoreSettings, tmp_path: Path) -> Store:
    return open_store(settings, tmp_path)


async def signed(store: Store, key: str, expires_s: int = 60) -> str:
    url = await store.url(key, expires_s)
    assert url is not None
    return url


def get(url: str) -> tuple[int, str | None, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.getheader("Content-Type"), body


async def test_a_signed_url_gives_blob_and_media_type(bucket: Store) -> None:
    await bucket.put("r/a.png", b"picture", "image/png")
    assert get(await signed(bucket, "r/a.png")) == (200, "image/png", b"picture")


def tamper(settings: StoreSettings, key: str, data: bytes, **headers: str) -> None:
    """Write an object behind the store's back."""
    connection = http.client.HTTPConnection(urlsplit(settings.endpoint).netloc)
    connection.request("PUT", f"/{settings.bucket}/{key}", data, headers)
    assert connection.getresponse().status == 200
    connection.close()


async def test_damaged_blob_is_not_given_out(bucket: Store, settings: StoreSettings) -> None:
    digest = hashlib.sha256(b"picture").hexdigest()
    tamper(settings, "r/torn.png", b"pictuXe", **{"x-amz-meta-sha256": digest})
    with pytest.raises(StorageUnavailable):
        await bucket.get("r/torn.png")


async def test_blob_is_stored_with_its_checksum(bucket: Store) -> None:
    await bucket.put("r/sum.png", b"picture", "image/png")
    url = urlsplit(await signed(bucket, "r/sum.png"))
    connection = http.client.HTTPConnection(url.netloc)
    connection.request("GET", f"{url.path}?{url.query}")
    answer = connection.getresponse()
    assert answer.getheader("x-amz-meta-sha256") == hashlib.sha256(answer.read()).hexdigest()
    connection.close()


async def test_blob_of_others_without_a_checksum_is_given(
    bucket: Store, settings: StoreSettings
) -> None:
    tamper(settings, "r/plain.png", b"picture")
    assert await bucket.get("r/plain.png") == b"picture"


async def test_touching_keeps_the_media_type(bucket: Store) -> None:
    await bucket.put("r/b.png", b"picture", "image/png")
    await bucket.touch("r/b.png")
    assert get(await signed(bucket, "r/b.png")) == (200, "image/png", b"picture")


@pytest.mark.parametrize(("asked", "given"), [(60, "60"), (10**9, "604800")])
async def test_a_url_lives_as_asked_but_at_most_seven_days(
    bucket: Store, asked: int, given: str
) -> None:
    query = parse_qs(urlsplit(await signed(bucket, "a", asked)).query)
    assert query["X-Amz-Expires"] == [given]


async def test_a_url_names_the_address_that_clients_see(
    settings: StoreSettings, tmp_path: Path
) -> None:
    public = msgspec.structs.replace(settings, public_endpoint="https://img.example.com")
    url = await signed(open_store(public, tmp_path), "r/a.png")
    assert url.startswith("https://img.example.com/cutwire-test/r/a.png?")


async def test_a_url_does_not_hold_the_secret(bucket: Store) -> None:
    assert "s3cret" not in await signed(bucket, "a")


async def test_a_bucket_that_is_not_there_is_unavailable(
    settings: StoreSettings, tmp_path: Path
) -> None:
    store = open_store(msgspec.structs.replace(settings, bucket="no-such-bucket"), tmp_path)
    with pytest.raises(StorageUnavailable):
        await store.put("a", b"picture", "image/png")


async def test_a_store_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = StoreSettings(
        kind="s3",
        bucket="cutwire-test",
        endpoint=f"http://127.0.0.1:{port}",
        access_key_id=Secret("id"),
        secret_access_key=Secret("s3cret"),
        allow_http=True,
        timeout_s=0.2,
    )
    with pytest.raises(StorageUnavailable) as caught:
        await open_store(settings, tmp_path).put("a", b"picture", "image/png")
    assert str(port) not in caught.value.message
    assert "s3cret" not in caught.value.detail


class _Failing(http.server.BaseHTTPRequestHandler):
    """Counts requests, and has a fault of its own for each."""

    asked: ClassVar[list[str]] = []

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(self.path)
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


async def test_a_store_that_fails_is_tried_three_times_more(
    settings: StoreSettings, tmp_path: Path
) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Failing) as server:
        threading.Thread(target=server.serve_forever).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        store = open_store(msgspec.structs.replace(settings, endpoint=endpoint), tmp_path)
        with pytest.raises(StorageUnavailable):
            await store.put("a", b"picture", "image/png")
        server.shutdown()
    assert len(_Failing.asked) == 4


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"bucket": ""}, "bucket is missing"),
        ({"bucket": "b", "access_key_id": Secret("a")}, "go together"),
        ({"bucket": "b", "secret_access_key": Secret("a")}, "go together"),
    ],
)
def test_settings_that_cannot_work_are_refused(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        StoreSettings(kind="s3", **more)
