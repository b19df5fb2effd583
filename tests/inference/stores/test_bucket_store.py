"""What is particular to S3: signed URLs, media types, a store that does not answer."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import Any
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
