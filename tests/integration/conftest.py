"""Services that tests share, and clients that leave when the test ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from integration.client import Client
from integration.service import KEY, Service
from integration.sources import PictureServer

Connect = Callable[..., Awaitable[Client]]
StartService = Callable[..., Service]

MANY = {"limits__wrong_keys_per_minute": 100_000}
"""Tests send wrong keys from one address; only the test of that limit wants it to bite."""


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service as it is started by default."""
    service = Service(tmp_path_factory.mktemp("service"), settings=MANY)
    yield service
    service.stop()
    assert service.defects() == []


@pytest.fixture(scope="session")
def lan_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that fetches from private addresses: tests hold its tasks at their gates."""
    service = Service(
        tmp_path_factory.mktemp("lan"),
        arguments=["--allow-private-networks"],
        settings=MANY | {"work__concurrency": 16, "fetch__total_s": 120, "limits__task_s": 120},
    )
    yield service
    service.stop()
    assert service.defects() == []


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartService]:
    """Start a service of the test's own, with its own settings."""
    started: list[Service] = []

    def start(**options: Any) -> Service:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Service(folder, **options))
        return started[-1]

    yield start
    for service in started:
        service.stop()
    assert [service.defects() for service in started] == [[]] * len(started)


@pytest.fixture
async def stranger() -> AsyncIterator[Connect]:
    """Connect without a login."""
    clients: list[Client] = []

    async def connect(service: Service, query: str = "", **options: Any) -> Client:
        clients.append(await Client.open(service.ws_url + query, **options))
        return clients[-1]

    yield connect
    for client in clients:
        await client.leave()


@pytest.fixture
async def connect(stranger: Connect) -> Connect:
    """Connect and log in."""

    async def connect(
        service: Service, key: str = KEY, session: str = "", **options: Any
    ) -> Client:
        client = await stranger(service, **options)
        await client.login(key, session)
        return client

    return connect


@pytest.fixture
async def sources() -> AsyncIterator[PictureServer]:
    """A web server with pictures."""
    server = PictureServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client that goes through no proxy."""
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        yield client
