"""Real servers on 127.0.0.1, names that resolve to what a test says, certificates of our own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from ipaddress import ip_address

import pytest
import trustme

from inference.inputs.addresses import IPAddress

Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Source:
    """A server that reads a request's head and leaves the rest to a handler."""

    def __init__(self, handler: Handler) -> None:
        self.requests: list[bytes] = []
        self._handler = handler
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            await self._handler(self.requests[-1], writer)
            writer.write_eof() if writer.can_write_eof() else writer.close()
            await reader.read()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()


class Names:
    """A resolver with a script: a list of answers for each name, the last one repeats."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(rows) for name, rows in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[IPAddress]:
        self.asked.append(host)
        rows = self._answers.get(host)
        if not rows:
            raise OSError("no such name")
        row = rows.pop(0) if len(rows) > 1 else rows[0]
        return [ip_address(text) for text in row]


def response(
    body: bytes = b"picture", *headers: str, status: int = 200, length: int | None = None
) -> bytes:
    """Spell an answer with a true Content-Length, unless another is given."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


def saying(answer: bytes) -> Handler:
    """Make a handler that always gives the same answer."""

    async def handle(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return handle


def falling_silent(answer: bytes) -> Handler:
    """Make a handler that gives the answer and then keeps the connection open."""

    async def handle(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await asyncio.Event().wait()

    return handle


class Kit:
    """What the tests of this folder share, as one fixture: they cannot import a conftest."""

    Names = Names
    response = staticmethod(response)
    saying = staticmethod(saying)
    falling_silent = staticmethod(falling_silent)

    def __init__(self) -> None:
        self._sources: list[Source] = []

    async def serve(self, handler: Handler | bytes, tls: ssl.SSLContext | None = None) -> Source:
        source = Source(saying(handler) if isinstance(handler, bytes) else handler)
        await source.start(tls)
        self._sources.append(source)
        return source

    async def stop(self) -> None:
        for source in self._sources:
            await source.stop()


@pytest.fixture
async def kit() -> AsyncIterator[Kit]:
    kit = Kit()
    yield kit
    await kit.stop()


@pytest.fixture
def make_kit() -> type[Kit]:
    """Give the kit to tests that run a loop of their own."""
    return Kit


class Authority:
    """A certificate authority, trusted by `client`."""

    def __init__(self) -> None:
        self._ca = trustme.CA()
        self.client = ssl.create_default_context()
        self._ca.configure_trust(self.client)

    def server(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()
