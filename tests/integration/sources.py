"""Pictures on a web server of the test's own; each is held back until its gate opens."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from integration.pictures import encoded, scene


@dataclass(slots=True)
class Source:
    """One picture: a task that uses its URL runs until the gate opens."""

    url: str
    data: bytes
    status: int
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self) -> None:
        self.gate.set()


class PictureServer:
    """Serves pictures on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.connections = 0
        self._sources: dict[str, Source] = {}
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    def gated(self, data: bytes = b"", *, status: int = 200) -> Source:
        """Offer a picture behind a closed gate."""
        path = f"/{len(self._sources)}.png"
        url = f"http://127.0.0.1:{self._port}{path}"
        source = Source(url, data or encoded(scene()), status)
        self._sources[path] = source
        return source

    def open(self, data: bytes = b"", *, status: int = 200) -> Source:
        """Offer a picture at once."""
        source = self.gated(data, status=status)
        source.open()
        return source

    async def stop(self) -> None:
        for source in self._sources.values():
            source.open()
        self._server.close()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            source = self._sources[head.split()[1].decode()]
            source.asked.set()
            await source.gate.wait()
            writer.write(b"HTTP/1.1 %d -\r\nContent-Length: " % source.status)
            writer.write(b"%d\r\nConnection: close\r\n\r\n" % len(source.data))
            writer.write(source.data)
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
