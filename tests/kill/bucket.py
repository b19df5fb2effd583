"""An S3 bucket that can be away: moto's server behind a door that shuts."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import subprocess
import sys
import threading
import time
from types import TracebackType

from brokers import free_port, wait_until_open

BUCKET = "cutwire-kill"
HOST = "127.0.0.1"


class Bucket:
    """A bucket, the settings that lead to it, and a way to cut it off."""

    def __init__(self) -> None:
        self._inner = free_port()
        # What it logs is its own: it lists keys while other threads remove some, answers the
        # KeyError of that with 500, and is asked again.
        self._server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(self._inner)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._is_shut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._port = 0

    def __enter__(self) -> Bucket:
        wait_until_open(self._inner, self._server)
        connection = http.client.HTTPConnection(HOST, self._inner)
        connection.request("PUT", f"/{BUCKET}")
        assert connection.getresponse().status == 200
        connection.close()
        self._thread.start()
        self._is_up.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.terminate()
        self._server.wait()

    @property
    def settings(self) -> dict[str, object]:
        return {
            "store__kind": "s3",
            "store__bucket": BUCKET,
            "store__endpoint": f"http://{HOST}:{self._port}",
            "store__access_key_id": "id",
            "store__secret_access_key": "s3cret",
            "store__allow_http": "true",
            "lives__sweep_every_s": 3600,  # moto takes seconds to list what a round leaves behind
        }

    def away(self, seconds: float) -> None:
        """Answer nothing for so long; whoever is connected is cut off."""
        self._is_shut = True
        self._loop.call_soon_threadsafe(self._cut)
        time.sleep(seconds)
        self._is_shut = False

    def _cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, HOST, 0))
        self._port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_shut:
            writer.transport.abort()
            return
        self._open.add(writer)
        with contextlib.suppress(OSError):
            upstream = await asyncio.open_connection(HOST, self._inner)
            await asyncio.gather(_copy(reader, upstream[1]), _copy(upstream[0], writer))
        self._open.discard(writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(64 * 1024):
            writer.write(data)
            await writer.drain()
    writer.close()
