"""No memory, no room on the disk, a decoder that is killed: one task fails, and work goes on."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from integration.conftest import Connect, StartService
from integration.household import ask
from integration.pictures import base64_of, encoded
from integration.service import KEY, Service
from integration.sources import PictureServer
from integration.tasks import removal
from PIL import Image

HEADERS = {"Authorization": f"Bearer {KEY}"}
DISK = "20m"
ROOM_BYTES = 96 << 20
"""What a service may still map: enough for small pictures, not for large ones."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")


def large_picture() -> str:
    return base64_of(encoded(Image.new("RGB", (7000, 7000), "navy"), compress_level=1))


@contextmanager
def little_memory(service: Service) -> Iterator[None]:
    """Let the service map little more memory than it has."""
    mapped = psutil.Process(service.process.pid).memory_info().vms
    limit = (mapped + ROOM_BYTES, resource.RLIM_INFINITY)
    resource.prlimit(service.process.pid, resource.RLIMIT_AS, limit)
    yield
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(service.process.pid, resource.RLIMIT_AS, unlimited)


async def test_picture_that_memory_does_not_hold_is_an_error_and_the_next_one_is_not(
    start_service: StartService, connect: Connect
) -> None:
    service = start_service()
    client = await connect(service)
    assert "imageURL" in await client.run(removal())  # all threads and models are there
    with little_memory(service):
        told = await client.run(removal(large_picture()))
        assert told["code"] == "outOfMemory"
        assert "imageURL" in await client.run(removal())


@pytest.mark.parametrize("sandbox", ["process", "seccomp"])
async def test_decoder_that_is_killed_costs_one_task_at_most(
    start_service: StartService, connect: Connect, sandbox: str
) -> None:
    if sandbox == "seccomp":
        pytest.importorskip("pyseccomp", exc_type=ImportError)
    service = start_service(settings={"decoding__sandbox": sandbox})
    client = await connect(service)
    assert "imageURL" in await client.run(removal())
    for decoder in psutil.Process(service.process.pid).children():
        decoder.kill()
    told = await client.run(removal())
    assert told.get("code") in (None, "outOfMemory")
    assert "imageURL" in await client.run(removal())


async def test_sandboxed_service_ends_with_its_decoders(start_service: StartService) -> None:
    service = start_service(settings={"decoding__sandbox": "process"})
    decoders = psutil.Process(service.process.pid).children()
    assert decoders
    service.process.kill()
    service.process.wait()
    _, alive = psutil.wait_procs(decoders, timeout=30)
    assert alive == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own, of 20 MB."""
    folder = tmp_path / "0" / "data"
    folder.mkdir(parents=True)
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "tmpfs", str(folder)]
    mounted = subprocess.run(mounting, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mounting a tmpfs is refused: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no room on the disk."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(1 << 16))
    yield
    filler.unlink()


async def test_full_disk_refuses_new_work_loses_none_and_recovers(
    small_disk: Path, connect: Connect, sources: PictureServer, http: httpx.AsyncClient
) -> None:
    service = Service(small_disk.parent, arguments=["--allow-private-networks"])
    try:
        client = await connect(service)
        source, task = sources.gated(), removal()
        before = removal(deliveryMethod="async")
        await client.run(before)
        waiting = removal(source.url, deliveryMethod="async")
        await client.run(waiting)
        await source.asked.wait()
        assert "imageURL" in await ask(client, before["taskUUID"])
        with filled(small_disk):
            refused = await http.post(f"{service.url}/v1", json=[task], headers=HEADERS)
            source.open()
        assert refused.status_code == 503
        assert refused.json()["errors"][0]["code"] == "storageUnavailable"
        end = await ask(client, waiting["taskUUID"])
        assert "imageURL" in end or end["code"] == "storageUnavailable"
        assert "imageURL" in await ask(client, before["taskUUID"])
        assert "imageURL" in await client.run(task)
    finally:
        service.stop()
    assert service.defects() == []
