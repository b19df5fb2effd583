"""Tasks on files by a running service: what it is sent, and what others are not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from protocol.errors import CutwireError
from protocol.tasks import RemoveBackground
from server.filework.plan import Piece
from server.filework.remote import RemoteWork

TASK = RemoveBackground(task_uuid="00000000-0000-4000-8000-000000000000", input_image="")


class Host:
    """An HTTP server that keeps the heads of its requests and answers each with the same body."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.body = b""
        self.url = ""
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = "http://127.0.0.1:%d" % self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.heads.append(head)
        if "content-length: " in head:
            await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
        size = len(self.body)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size)
        writer.write(self.body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def hosts() -> AsyncIterator[tuple[Host, Host]]:
    service, store = Host(), Host()
    await service.open()
    await store.open()
    yield service, store
    await service.close()
    await store.close()


@pytest.fixture
def piece(tmp_path: Path) -> Piece:
    (tmp_path / "in.png").write_bytes(b"a picture")
    return Piece(tmp_path / "in.png", tmp_path / "out.png")


def reply(url: str) -> bytes:
    result: dict[str, Any] = {"taskType": "removeBackground", "imageURL": url}
    return json.dumps({"data": [result]}).encode()


async def test_store_of_the_results_is_not_told_the_key(
    hosts: tuple[Host, Host], piece: Piece
) -> None:
    service, store = hosts
    service.body, store.body = reply(f"{store.url}/bucket/result?signature=s"), b"cut out"
    async with RemoteWork.running(service.url, "secret") as work:
        made = await work.do(piece, TASK)
    assert made.data == b"cut out"
    assert any("authorization: bearer secret" in head for head in service.heads)
    assert not any("authorization" in head for head in store.heads)


async def test_store_that_cannot_be_reached_fails_this_picture_by_name(
    hosts: tuple[Host, Host], piece: Piece
) -> None:
    service, store = hosts
    service.body = reply(f"{store.url}/bucket/result")
    await store.close()
    async with RemoteWork.running(service.url, "secret") as work:
        with pytest.raises(CutwireError, match="result's URL cannot be reached"):
            await work.do(piece, TASK)
