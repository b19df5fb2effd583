"""The two servers of `benchmarks.gateway`: the service with an idle engine, and a bare one.

python -m benchmarks.gateway_servers {service,bare} FILE
"""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from inference.engine import Accepted
from protocol.jobs import Outcome, Product

KEY = "benchmark-key"
IMAGE_UUID = str(uuid.UUID(int=7, version=4))


def serve_service(listening: Path) -> None:
    """Serve the real thing, its engine aside."""
    from server import app, labour
    from server.auth import stored_key
    from server.edge import EdgeSettings
    from server.edge.server import serve
    from server.logs import set_up_logging
    from server.settings import Settings

    set_up_logging("warning", "json")
    labour.LocalEngine = IdleEngine  # type: ignore[misc, assignment]
    settings = Settings(data_dir=listening.parent / "data", edge=EdgeSettings(port=0))
    service = app.build_service(settings, [stored_key(KEY, "bench")])
    serve(service.app, settings.edge, lambda url: announce(listening, url), service.drain)


PRODUCT = Product(
    image_uuid=IMAGE_UUID,
    key=f"out/0123456789abcdef/{IMAGE_UUID}",
    media_type="image/png",
    width=1000,
    height=1000,
    size_bytes=1_000_000,
)
"""What every job makes: a picture of one megapixel."""


class IdleEngine:
    """Ends every job at once, as a worker would that needs no time; keeps nothing on a disk."""

    def __init__(self, settings: Any, journal: object, settlement: Any) -> None:
        from inference.local_engine.streams import Streams

        self._settlement = settlement
        self._streams = Streams(settings.undelivered_life_s, time.monotonic)

    async def open(self) -> None:
        """Nothing was left."""

    async def close(self, drain_s: float) -> None:
        """Nothing runs."""

    async def submit(self, jobs: Sequence[Any]) -> list[Any]:
        for job in jobs:
            outcome = self._settlement.priced(Outcome(job=job, product=PRODUCT))
            await self._settlement.settled(outcome)
            self._streams.append(job.reply_to, outcome)
        return [Accepted(job) for job in jobs]

    async def find(self, job_id: Any, *, follow: str = "") -> None:
        """Nothing is kept."""

    def results(self, stream: str, after: int = 0) -> AsyncGenerator[Any]:
        return self._streams.read(stream, after)

    def forget(self, stream: str, upto: int) -> None:
        self._streams.forget(stream, upto)

    async def cancel(self, job_ids: Sequence[Any]) -> int:
        return 0

    async def work(self, pool: str = "compute") -> AsyncIterator[Any]:
        for lease in ():
            yield lease

    async def stats(self) -> Any:
        from inference.engine import Stats

        return Stats({}, 0, 0.0)


def serve_bare(listening: Path) -> None:
    """Serve the least that answers: typed decoding, one reply frame for each task."""
    import msgspec
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket, WebSocketDisconnect

    from protocol.results import ImageResult
    from protocol.tasks import RemoveBackground

    decoder, encoder = msgspec.json.Decoder(list[RemoveBackground]), msgspec.json.Encoder()

    async def answer(ws: WebSocket) -> None:
        await ws.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                for task in decoder.decode(await ws.receive_text()):
                    result = ImageResult(
                        task_type=task.task_type,
                        task_uuid=task.task_uuid,
                        image_uuid=IMAGE_UUID,
                        input_image_uuid=IMAGE_UUID,
                        image_url="http://127.0.0.1:8000/im/0123456789abcdef/"
                        f"{IMAGE_UUID}.png?exp=1800000000&sig={'x' * 43}",
                    )
                    await ws.send_text((b'{"data":[%s]}' % encoder.encode(result)).decode())

    config = uvicorn.Config(
        Starlette(routes=[WebSocketRoute("/v1", answer)]),
        ws="websockets-sansio",
        loop="uvloop",
        ws_per_message_deflate=False,
        log_level="warning",
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    listener = socket.create_server(("127.0.0.1", 0))
    announce(listening, f"http://127.0.0.1:{listener.getsockname()[1]}")
    uvicorn.Server(config).run([listener])


def announce(listening: Path, url: str) -> None:
    """Tell where we listen."""
    aside = listening.with_suffix(".new")
    aside.write_text(url)
    aside.replace(listening)


if __name__ == "__main__":
    _side, _file = sys.argv[1:]
    {"service": serve_service, "bare": serve_bare}[_side](Path(_file))
