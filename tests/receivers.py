"""Receivers of webhooks and uploads: real servers that answer as a test tells them to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Answer = int | Literal["hang", "break off", "redirect"]
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Request:
    """What came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """Answers each request as its script says; the last line repeats."""

    script: Sequence[Answer] = (200,)
    requests: list[Request] = field(default_factory=list)
    open_calls: int = 0
    most_open: int = 0
    port: int = 0
    _grown: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def received(self, count: int) -> list[Request]:
        """Wait until so many requests have come."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.requests) < count:
                self._grown.clear()
                await self._grown.wait()
        return self.requests

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open_calls += 1
        self.most_open = max(self.most_open, self.open_calls)
        try:
            request = await _read(reader)
            answer = self.script[min(len(self.requests), len(self.script) - 1)]
            self.requests.append(request)
            self._grown.set()
            await self._answer(answer, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open_calls -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(
        self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if answer == "break off":
            return
        if answer == "hang":
            await reader.read()  # until the caller has had enough
            return
        status, more = (
            (302, f"Location: {self.url('/elsewhere')}\r\n")
            if answer == "redirect"
            else (answer, "")
        )
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n{more}\r\n".encode())
        await writer.drain()
        with contextlib.suppress(OSError):
            await reader.read()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)
