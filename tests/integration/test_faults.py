"""The corpus of broken and odd picture files: each gives a picture or a named error."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import pytest
from integration.client import Client
from integration.pictures import base64_of
from integration.service import KEY, ROOT, Service
from integration.tasks import removal

CORPUS = ROOT.parent / "shared" / "data" / "faults" / "files"
AT_ONCE = 16
RSS_LIMIT = 700_000_000
LEAKS = ("Traceback", "site-packages", '.py"', "object at 0x", "<class", str(ROOT))

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of faults is not here")


@dataclass(frozen=True, slots=True)
class Sweep:
    """What came of the corpus."""

    service: Service
    replies: dict[str, dict[str, Any]]
    peak_rss: int
    is_usable: bool


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    """Every file through one socket of a service of its own."""
    service = Service(tmp_path_factory.mktemp("faults"))
    files = {file.name: file.read_bytes() for file in sorted(CORPUS.iterdir())}
    yield asyncio.run(_sweep(service, files))
    service.stop()


async def _sweep(service: Service, files: dict[str, bytes]) -> Sweep:
    process = psutil.Process(service.process.pid)
    client = await Client.open(service.ws_url)
    await client.login(KEY)
    slots = asyncio.Semaphore(AT_ONCE)
    peaks = [0]

    async def send(data: bytes) -> dict[str, Any]:
        async with slots:
            reply = await client.run(removal(base64_of(data)))
            peaks.append(process.memory_info().rss)
            return reply

    replies = await asyncio.gather(*(send(data) for data in files.values()))
    last = await client.run(removal())
    await client.leave()
    told = dict(zip(files, replies, strict=True))
    return Sweep(service, told, max(peaks), "imageURL" in last)


def test_each_file_gives_a_picture_or_an_error_that_names_the_field(sweep: Sweep) -> None:
    odd = {
        name: reply
        for name, reply in sweep.replies.items()
        if "imageURL" not in reply
        and (reply["code"], reply["parameter"]) != ("invalidInputImage", "inputImage")
    }
    assert odd == {}


def test_both_pictures_and_errors_come_of_the_corpus(sweep: Sweep) -> None:
    pictures = sum("imageURL" in reply for reply in sweep.replies.values())
    assert 0.2 < pictures / len(sweep.replies) < 0.8


def test_no_error_tells_of_our_insides(sweep: Sweep) -> None:
    told = [reply.get("message", "") for reply in sweep.replies.values()]
    assert [message for message in told if any(leak in message for leak in LEAKS)] == []


def test_socket_is_usable_after_the_corpus(sweep: Sweep) -> None:
    assert sweep.is_usable


def test_nothing_unforeseen_is_logged(sweep: Sweep) -> None:
    assert sweep.service.defects() == []


def test_memory_stays_bounded(sweep: Sweep) -> None:
    assert sweep.peak_rss < RSS_LIMIT
