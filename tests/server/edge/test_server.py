"""How the server starts, drains and stops."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from edge_client import PATIENCE_S, Application, Client, wait

from server.edge import EdgeSettings
from server.edge.config import EdgeConfig
from server.edge.http_protocol import EdgeHttp
from server.edge.listening import base_url, close_sockets, open_sockets
from server.edge.server import EdgeServer
from server.edge.websocket_protocol import EdgeWebSocket

ROOT = Path(__file__).parents[3]

PROGRAM = """
import asyncio, sys
from server.edge import EdgeSettings
from server.edge.server import serve

async def app(scope, receive, send):
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})

async def drain():
    print("draining", flush=True)
    if "hang" in sys.argv:
        await asyncio.Event().wait()

def ready(url):
    print(url, flush=True)

sys.exit(serve(app, EdgeSettings(port=0), ready, drain))
"""


class Running:
    """A server in this event loop."""

    def __init__(self, app: Any, settings: EdgeSettings) -> None:
        self.urls: list[str] = []
        self.drained = asyncio.Event()
        self.drain_gate = asyncio.Event()
        self.ready = asyncio.Event()
        self.sockets = open_sockets(settings)
        config = EdgeConfig(app, settings, EdgeHttp, EdgeWebSocket)
        self.server = EdgeServer(config, self._drain, self._is_ready)

    async def _drain(self) -> None:
        self.drained.set()
        await self.drain_gate.wait()

    def _is_ready(self, url: str) -> None:
        self.urls.append(url)
        self.ready.set()

    async def start(self) -> None:
        self.end = asyncio.create_task(self.server.serve(self.sockets))
        await wait(self.ready)

    async def client(self) -> Client:
        port = int(self.urls[0].rsplit(":", 1)[1])
        return Client(*await asyncio.open_connection("127.0.0.1", port))

    async def stop(self) -> None:
        self.drain_gate.set()
        self.server.stop()
        async with asyncio.timeout(PATIENCE_S):
            await self.end


Run = Callable[..., Any]


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    running: list[Running] = []

    async def start(app: Any, **settings: Any) -> Running:
        one = Running(app, EdgeSettings(port=0, **settings))
        running.append(one)
        await one.start()
        return one

    yield start
    for one in running:
        await one.stop()


async def test_url_is_told_once_connections_are_answered(run: Run, app: Application) -> None:
    running = await run(app)
    assert running.urls == [base_url(running.sockets[0])]
    client = await running.client()
    await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
    assert await client.answer() == (200, b"2")
    assert b"date: " in client.head
    assert b"server: " not in client.head
    await client.leave()


async def test_drain_lets_work_finish_and_then_closes_1012(run: Run, app: Application) -> None:
    running = await run(app)
    client = await running.client()
    assert await client.handshake() == 101
    app.gate.clear()
    await client.text("hello")
    await wait(app.arrived)
    running.server.drain()
    await wait(running.drained)
    app.gate.set()
    assert await client.frame() == (1, b"got 5")
    running.drain_gate.set()
    assert await client.close_code() == 1012
    await client.leave()
    await wait(app.gone)
    assert app.events[-1]["code"] == 1012


async def test_drain_that_does_not_end_is_cut_off(run: Run, app: Application) -> None:
    running = await run(app, drain_timeout_s=0.05)
    running.server.drain()
    async with asyncio.timeout(PATIENCE_S):
        await running.end


async def test_client_that_ignores_the_close_frame_does_not_hold_the_end(
    run: Run, app: Application
) -> None:
    running = await run(app, linger_s=0.05)
    client = await running.client()
    assert await client.handshake() == 101
    running.server.stop()
    async with asyncio.timeout(PATIENCE_S):
        await running.end
    await client.leave()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:"),
        ("0.0.0.0", "http://127.0.0.1:"),
        ("::1", "http://[::1]:"),
        ("::", "http://[::1]:"),
    ],
)
def test_url_is_one_that_a_client_here_can_use(host: str, url: str) -> None:
    try:
        sockets = open_sockets(EdgeSettings(host=host, port=0))
    except OSError:
        pytest.skip("no IPv6 on this machine")
    assert base_url(sockets[0]).startswith(url)
    close_sockets(sockets)


def test_address_in_use_is_an_error_at_start() -> None:
    first = open_sockets(EdgeSettings(port=0))
    first[0].listen()
    with pytest.raises(OSError, match="in use"):
        open_sockets(EdgeSettings(port=first[0].getsockname()[1]))
    close_sockets(first)


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is Linux's")
def test_accepted_socket_inherits_the_time_limit_for_lost_peers() -> None:
    sockets = open_sockets(EdgeSettings(port=0, tcp_user_timeout_s=1.5))
    sockets[0].listen()
    with socket.create_connection(sockets[0].getsockname()):
        accepted, _ = sockets[0].accept()
        with accepted:
            option = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    close_sockets(sockets)
    assert option == 1500


def start_program(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ there")
def test_first_signal_drains_and_ends_well() -> None:
    with start_program() as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith("http://127.0.0.1:")
        program.send_signal(signal.SIGTERM)
        assert program.stdout.read() == "draining\n"
    assert program.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ there")
def test_second_signal_stops_at_once() -> None:
    with start_program("hang") as program:
        assert program.stdout is not None
        program.stdout.readline()
        program.send_signal(signal.SIGTERM)
        assert program.stdout.readline() == "draining\n"
        program.send_signal(signal.SIGTERM)
        assert program.wait(PATIENCE_S) == 128 + signal.SIGTERM
