"""Many idle WebSockets, and one client that works: bytes for each socket, and what they cost it.

python -m benchmarks idle [--sockets N] [--quick] [--json FILE]

Every idle socket is logged in, answers the server's pings, and pings it now and then, as clients
do. Exits with 1 where a socket was dropped, took more than 30 KB, or the working client's p95
became more than three times what it was alone.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection

from benchmarks.harness import (
    KEY,
    Running,
    logged_in,
    photograph,
    removal_task,
    run_one,
    running_service,
)
from benchmarks.timing import machine, write
from server.edge.listening import raise_file_limit

MOST_BYTES = 30_000
MOST_RATIO = 3.0
AT_ONCE = 16
"""Logins under way: below what one address may have."""
PING_EVERY_S = 45.0
REST_S = 5.0
TEXT, PING, PONG = 0x81, 0x89, 0x8A


class IdleSocket(asyncio.Protocol):
    """One WebSocket, parsed just as far as it needs: the service only sends it short frames."""

    def __init__(self, host: str) -> None:
        self.is_open = True
        self.logged_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._host = host
        self._is_upgraded = False
        self._data = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /v1 HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            "".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take the handshake, then frame after frame."""
        self._data += data
        if not self._is_upgraded:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._transport.abort()
                return
            self._is_upgraded, self._data = True, rest
            self._send(TEXT, [{"taskType": "authentication", "apiKey": KEY}])
        while (frame := self._next_frame()) is not None:
            self._answer(*frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the service hung up."""
        self.is_open = False
        if self._timer is not None:
            self._timer.cancel()
        if not self.logged_in.done():
            self.logged_in.set_exception(exc or ConnectionError("closed before the login"))

    def close(self) -> None:
        """Hang up."""
        self._transport.abort()

    def _next_frame(self) -> tuple[int, bytes] | None:
        if len(self._data) < 2:
            return None
        size, start = self._data[1], 2
        if size == 126:
            size, start = int.from_bytes(self._data[2:4]), 4
        if len(self._data) < start + size:
            return None
        frame = self._data[0], bytes(self._data[start : start + size])
        del self._data[: start + size]
        return frame

    def _answer(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._write(PONG, payload)
        elif opcode == TEXT and not self.logged_in.done():
            self.logged_in.set_result(None)
            self._timer = asyncio.get_running_loop().call_later(PING_EVERY_S, self._ping)

    def _ping(self) -> None:
        self._send(TEXT, [{"taskType": "ping", "ping": True}])
        self._timer = asyncio.get_running_loop().call_later(PING_EVERY_S, self._ping)

    def _send(self, opcode: int, message: Any) -> None:
        self._write(opcode, json.dumps(message).encode())

    def _write(self, opcode: int, payload: bytes) -> None:
        assert len(payload) < 126
        self._transport.write(bytes((opcode, 128 | len(payload), 0, 0, 0, 0)) + payload)


async def open_sockets(running: Running, count: int) -> list[IdleSocket]:
    """Open so many sockets and log each in."""
    address = urlsplit(running.base_url)
    turns = asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()

    async def one() -> IdleSocket:
        async with turns:
            _, opened = await loop.create_connection(
                lambda: IdleSocket(address.netloc), address.hostname, address.port
            )
            await opened.logged_in
            return opened

    return await asyncio.gather(*(one() for _ in range(count)))


async def work(socket: ClientConnection, tasks: int, image: bytes) -> list[float]:
    """Run tasks one after another; return the seconds of each."""
    return [await run_one(socket, removal_task(image)) for _ in range(tasks)]


async def measure(running: Running, sockets: int, tasks: int) -> dict[str, Any]:
    """Measure the working client alone, then beside the idle sockets."""
    image = photograph(0.1)
    busy = await logged_in(running)
    await work(busy, tasks, image)  # whatever grows with the first tasks has grown
    alone = await work(busy, tasks, image)
    before = running.process.memory_info().rss
    begun = time.monotonic()
    idle = await open_sockets(running, sockets)
    opened_s = time.monotonic() - begun
    await asyncio.sleep(REST_S)
    grown = running.process.memory_info().rss - before
    beside = await work(busy, tasks, image)
    dropped = sum(not socket.is_open for socket in idle)
    for socket in idle:
        socket.close()
    await busy.close()
    ratio = p95(beside) / p95(alone)
    return {
        "sockets": sockets,
        "opened_per_s": round(sockets / opened_s),
        "bytes_per_socket": round(grown / sockets),
        "dropped": dropped,
        "alone_p50_ms": ms(statistics.median(alone)),
        "alone_p95_ms": ms(p95(alone)),
        "beside_p50_ms": ms(statistics.median(beside)),
        "beside_p95_ms": ms(p95(beside)),
        "p95_ratio": round(ratio, 2),
        "is_met": not dropped and grown <= MOST_BYTES * sockets and ratio <= MOST_RATIO,
    }


def p95(seconds: Sequence[float]) -> float:
    """The 95th percentile."""
    return sorted(seconds)[int(0.95 * (len(seconds) - 1))]


def ms(seconds: float) -> float:
    """Milliseconds, rounded."""
    return round(seconds * 1e3, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; `--json` also writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks idle", description=__doc__)
    parser.add_argument("--sockets", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="1,000 sockets, 40 tasks")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    sockets, tasks = (1_000, 40) if options.quick else (options.sockets, options.tasks)
    raise_file_limit()
    with running_service() as running:
        figures = machine() | asyncio.run(measure(running, sockets, tasks))
    print(json.dumps(figures, indent=1))
    write(figures, options.json)
    if not figures["is_met"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
