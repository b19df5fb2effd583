"""The stores under test: memory, a folder, and S3 as moto plays it, where moto is installed."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from inference.config import Secret
from inference.stores import Store, StoreSettings, open_store

BUCKET = "cutwire-test"


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed: no S3 here")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    connection = http.client.HTTPConnection(host, port)
    connection.request("PUT", f"/{BUCKET}")
    assert connection.getresponse().status == 200
    connection.close()
    yield f"http://{host}:{port}"
    server.stop()


def s3_settings(endpoint: str, **more: Any) -> StoreSettings:
    return StoreSettings(
        kind="s3",
        bucket=BUCKET,
        endpoint=endpoint,
        access_key_id=Secret("id"),
        secret_access_key=Secret("s3cret"),
        allow_http=True,
        **more,
    )


@dataclass
class Clock:
    """The time as the stores' own, moved by a test."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(params=["memory", "local", "s3"])
def store_settings(request: pytest.FixtureRequest) -> StoreSettings:
    """Settings of each kind in turn; touches count at once."""
    if request.param == "s3":
        return s3_settings(request.getfixturevalue("s3_endpoint"), renew_after_s=0)
    return StoreSettings(kind=request.param, renew_after_s=0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(store_settings: StoreSettings, tmp_path: Path, clock: Clock) -> Store:
    return open_store(store_settings, tmp_path, clock=clock)
