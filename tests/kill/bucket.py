"""An S3 bucket that can be away: moto's server behind a door that shuts."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import threading
import time
from types import TracebackType

BUCKET = "cutwire-kill"


class Bucket:
    """A bucket, the settings that lead to it, and a way to cut it off."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._is_shut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._port = 0

    def __enter__(self) -> Bucket:
        self._server.start()
        self._host, self._inner = self._server.get_host_and_port()
        connection = http.client.HTTPConnection(self._host, self._inner)
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
        self._server.stop()

    @property
    def settings(self) -> dict[str, object]:
        return {
            "store__kind": "s3",
            "store__bucket": BUCKET,
            "store__endpoint": f"http://127.0.0.1:{self._port}",
            "store__access_key_id": "id",
            "store__secret_access_key": "s3cret",
            "store__allow_http": "true",
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
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self._port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_shut:
            writer.transport.abort()
            return
        self._open.add(writer)
        with contextlib.suppress(OSError):
            upstream = await asyncio.open_connection(self._host, self._inner)
            await asyncio.gather(_copy(reader, upstream[1]), _copy(upstream[0], writer))
        self._open.discard(writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(64 * 1024):
            writer.write(data)
            await writer.drain()
    writer.close()
