"""How the edge is tested: a tiny application on a free port, a client that sends bytes by hand."""

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.server import ServerState

from server.edge import EXTENSION, EdgeSettings
from server.edge.config import EdgeConfig
from server.edge.http_protocol import EdgeHttp
from server.edge.websocket_protocol import EdgeWebSocket

PATIENCE_S = 10.0

HANDSHAKE = (
    b"GET /v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)


class Client:
    """One connection; reads answers and frames, with patience but no sleeping."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = b""

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(PATIENCE_S):
            await self.writer.drain()

    def send_soon(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, bytes]:
        """Read one HTTP answer with a content-length."""
        async with asyncio.timeout(PATIENCE_S):
            self.head = await self.reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in self.head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            return int(self.head.split()[1]), await self.reader.readexactly(length)

    async def handshake(self, headers: bytes = b"", rest: bytes = b"") -> int:
        await self.send(HANDSHAKE + headers + b"\r\n" + rest)
        async with asyncio.timeout(PATIENCE_S):
            self.head = await self.reader.readuntil(b"\r\n\r\n")
        return int(self.head.split()[1])

    async def text(self, text: str) -> None:
        await self.send(frame(text.encode()))

    async def frame(self) -> tuple[int, bytes]:
        """Read one frame: its opcode and payload."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readexactly(2)
            length = head[1] & 127
            if length == 126:
                (length,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return head[0] & 15, await self.reader.readexactly(length)

    async def close_code(self) -> int:
        """Read until the close frame."""
        while True:
            opcode, payload = await self.frame()
            if opcode == 8:
                return int(struct.unpack("!H", payload[:2])[0])

    async def rest(self) -> bytes:
        """Read until the server hangs up, by FIN or by RST."""
        got = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while data := await self.reader.read(65536):
                    got += data
        return got

    async def leave(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


def frame(data: bytes, opcode: int = 1, *, fin: bool = True, length: int | None = None) -> bytes:
    """Build a client frame, masked with zeros."""
    size = len(data) if length is None else length
    head = bytes([(128 if fin else 0) | opcode])
    if size < 126:
        head += bytes([128 | size])
    elif size < 65536:
        head += bytes([128 | 126]) + struct.pack("!H", size)
    else:
        head += bytes([128 | 127]) + struct.pack("!Q", size)
    return head + bytes(4) + data


class Edge:
    """The protocols on a free port, without uvicorn's server around them."""

    def __init__(self, app: Any, settings: EdgeSettings) -> None:
        self.settings = settings
        self.config = EdgeConfig(app, settings, EdgeHttp, EdgeWebSocket)
        self.config.load()
        self.state = ServerState()
        self.clients: list[Client] = []

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: EdgeHttp(self.config, self.state, {}), "127.0.0.1", 0
        )
        self.port = self.server.sockets[0].getsockname()[1]

    async def client(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client

    async def websocket(self) -> Client:
        client = await self.client()
        assert await client.handshake() == 101
        return client

    async def stop(self) -> None:
        self.server.close()
        for client in self.clients:
            client.writer.transport.abort()
        for task in tuple(self.state.tasks):
            task.cancel()
        await asyncio.gather(*self.state.tasks, return_exceptions=True)
        for connection in tuple(self.state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # connection_lost is called in the next round


StartEdge = Callable[..., Awaitable[Edge]]


class Application:
    """Answers each request with the size of its body; a WebSocket that says "login" is let in."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.messages: list[str | bytes] = []
        self.arrived = asyncio.Event()
        self.gone = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self.answer(receive, send)
        elif scope["type"] == "websocket":
            await self.talk(scope, receive, send)

    async def answer(self, receive: Any, send: Any) -> None:
        size, more = 0, True
        while more:
            self.arrived.set()
            await self.gate.wait()
            event = await receive()
            self.events.append(event)
            if event["type"] == "http.disconnect":
                self.gone.set()
                return
            size, more = size + len(event["body"]), event["more_body"]
        await send_answer(send, 200, b"%d" % size)

    async def talk(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] != "websocket.disconnect":
            message = event.get("text") or event.get("bytes")
            self.messages.append(message)
            self.arrived.set()
            await self.gate.wait()
            if message == "login":
                scope["extensions"][EXTENSION].authenticated()
            await send({"type": "websocket.send", "text": f"got {len(message)}"})
        self.events.append(event)
        self.gone.set()


async def send_answer(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def wait(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await event.wait()
