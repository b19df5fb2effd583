"""The gateway alone: the real service before an engine that does nothing, against a bare server.

python -m benchmarks gateway [--quick] [--json FILE]

Both run in turn, in processes of their own, driven by one raw socket with a window of frames. The
service is logged in, prices and counts every task, and logs from warnings on; the bare one is
uvicorn (websockets-sansio, uvloop) with Starlette and msgspec, and does nothing else.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import itertools
import json
import logging
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.timing import machine, write
from inference.engine import Accepted
from protocol.jobs import Outcome, Product

KEY = "benchmark-key"
WINDOW = 64
PER_ARRAY = 20
IMAGE_UUID = str(uuid.UUID(int=7, version=4))
SIDES = ("service", "bare")
START_S = 180.0


# The two servers


def serve_service(listening: Path) -> None:
    """Serve the real thing, its engine aside."""
    from server import app, labour
    from server.auth import stored_key
    from server.edge import EdgeSettings, serve
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


@contextlib.contextmanager
def running(side: str) -> Iterator[Side]:
    """Run one of the servers in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="cutwire-gateway-") as folder:
        listening = Path(folder) / "url"
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gateway", "--serve", side, str(listening)]
        )
        try:
            until = time.monotonic() + START_S
            while not listening.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"the {side} server did not start")
                time.sleep(0.02)
            port = int(listening.read_text().rpartition(":")[2])
            yield Side(process.pid, RawSocket(port, logs_in=side == "service"))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


# The client


class RawSocket:
    """A WebSocket client that costs next to nothing: frames made ahead, replies counted."""

    def __init__(self, port: int, *, logs_in: bool) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /v1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._socket.recv(65536)
        del self._buffer[: self._buffer.index(b"\r\n\r\n") + 4]
        if logs_in:
            login = [{"taskType": "authentication", "apiKey": KEY}]
            self.exchange([masked(json.dumps(login).encode())], 1, 1)

    def exchange(self, frames: Sequence[bytes], replies_each: int, window: int) -> list[float]:
        """Send frames, so many of them unanswered at most; return when each one was answered."""
        answered: list[float] = []
        sent = replies = 0
        while len(answered) < len(frames):
            upto = min(len(frames), len(answered) + window)
            if upto > sent:
                self._socket.sendall(b"".join(frames[sent:upto]))
                sent = upto
            replies += self._replies()
            now = time.perf_counter()
            while len(answered) < replies // replies_each:
                answered.append(now)
        return answered

    def _replies(self) -> int:
        """Read once; count the whole text frames, answer pings."""
        self._buffer += self._socket.recv(1 << 20)
        buffer, place, count = self._buffer, 0, 0
        while len(buffer) - place >= 2:
            opcode, size, head = buffer[place] & 15, buffer[place + 1] & 127, 2
            if size >= 126:
                head = 4 if size == 126 else 10
                if len(buffer) - place < head:
                    break
                size = int.from_bytes(buffer[place + 2 : place + head], "big")
            if len(buffer) - place < head + size:
                break
            content = bytes(buffer[place + head : place + head + min(size, 125)])
            if opcode == 9:
                self._socket.sendall(masked(content, opcode=10))
            elif opcode != 1 or content.startswith(b'{"errors"'):
                raise RuntimeError(f"opcode {opcode}: {content!r}")
            else:
                count += 1
            place += head + size
        del buffer[:place]
        return count


def masked(payload: bytes, opcode: int = 1) -> bytes:
    """Frame a client's message; a mask of zeros changes nothing and costs the server the same."""
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, 0x80 | size])
    elif size < 65536:
        head = bytes([0x80 | opcode, 0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, 0x80 | 127]) + size.to_bytes(8, "big")
    return head + bytes(4) + payload


def task_frame(count: int, image: str = IMAGE_UUID, **fields: Any) -> bytes:
    """Make an array of tasks, each with a taskUUID of its own."""
    tasks = [
        {
            "taskType": "removeBackground",
            "taskUUID": str(uuid.uuid4()),
            "inputImage": image,
            "outputFormat": "PNG",
            **fields,
        }
        for _ in range(count)
    ]
    return masked(json.dumps(tasks, separators=(",", ":")).encode())


# The measurements


@dataclass(frozen=True, slots=True)
class Side:
    """A server that runs, and the socket to it."""

    pid: int
    socket: RawSocket

    def loop_s(self) -> float:
        """CPU time of the event loop's thread so far."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def rate(self, frames: Sequence[bytes], tasks: int) -> tuple[float, float]:
        """Tasks per second, and per second of the loop's thread."""
        cpu, begun = self.loop_s(), time.perf_counter()
        self.socket.exchange(frames, tasks, WINDOW)
        took = time.perf_counter() - begun
        return len(frames) * tasks / took, len(frames) * tasks / (self.loop_s() - cpu)

    def latencies_ms(self, count: int) -> list[float]:
        """One task at a time."""
        frames = [task_frame(1) for _ in range(count)]
        begun = [time.perf_counter()]
        took = []
        for frame in frames:
            took.append((self.socket.exchange([frame], 1, 1)[0] - begun[-1]) * 1e3)
            begun.append(time.perf_counter())
        return took

    def holds_ms(self, count: int) -> list[float]:
        """CPU time of the loop's thread for one task, frames of 1 kB to 1 MB, log-uniform."""
        sizes = random.Random(1)
        held = []
        for _ in range(count):
            image = picture_text(int(10 ** sizes.uniform(3, 6)))
            frame = task_frame(1, image)
            before = self.loop_s()
            self.socket.exchange([frame], 1, 1)
            time.sleep(0.002)  # what follows the reply is part of it
            held.append((self.loop_s() - before) * 1e3)
        return held


def picture_text(size: int) -> str:
    """Write a small PNG in base64, padded behind its end to a size."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    return base64.b64encode(out.getvalue().ljust(size * 3 // 4 // 3 * 3, b"\0")).decode()


def measure(rounds: int, frames: int, holds: int) -> dict[str, Any]:
    """Run both in turn, round after round; medians, and ratios of neighbours."""
    rates: dict[tuple[str, int], list[tuple[float, float]]] = {
        pair: [] for pair in itertools.product(SIDES, (1, PER_ARRAY))
    }
    waits: dict[str, list[float]] = {side: [] for side in SIDES}
    with running("service") as service, running("bare") as bare:
        both = dict(zip(SIDES, (service, bare), strict=True))
        for number in range(rounds + 1):
            for tasks in (1, PER_ARRAY):
                for name, side in both.items():
                    batch = [task_frame(tasks) for _ in range(frames // tasks)]
                    found = side.rate(batch, tasks)
                    if number:  # the first one warms up
                        rates[name, tasks].append(found)
            for name, side in both.items():
                waits[name] += side.latencies_ms(frames // 50)
        held = sorted(service.holds_ms(holds))
    found = {f"{name} x{tasks}": describe(pairs) for (name, tasks), pairs in rates.items()}
    shares = {tasks: share(rates, tasks) for tasks in (1, PER_ARRAY)}
    p50 = {name: statistics.median(all_) for name, all_ in waits.items()}
    return {
        "frames_per_s": found["service x1"]["tasks_per_s"],
        "array_tasks_per_s": found[f"service x{PER_ARRAY}"]["tasks_per_s"],
        # Of tasks for each second that the event loop's thread worked: other programs matter less.
        "share_of_bare": shares[1],
        "array_share_of_bare": shares[PER_ARRAY],
        "added_p50_ms": round(p50["service"] - p50["bare"], 3),
        "loop_held_ms": {
            "p50": round(held[len(held) // 2], 3),
            "p99": round(held[int(0.99 * (len(held) - 1))], 3),
        },
        "bare": {
            "frames_per_s": found["bare x1"]["tasks_per_s"],
            "array_tasks_per_s": found[f"bare x{PER_ARRAY}"]["tasks_per_s"],
            "p50_ms": round(p50["bare"], 3),
        },
        "loop_us_per_task": {name: ways["loop_us"] for name, ways in found.items()},
    }


def describe(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Medians over the rounds."""
    wall, cpu = (statistics.median(part) for part in zip(*pairs, strict=True))
    return {"tasks_per_s": round(wall), "loop_us": round(1e6 / cpu, 2)}


def share(rates: dict[tuple[str, int], list[tuple[float, float]]], tasks: int) -> float:
    """The service's rate over the bare one's beside it: the median of the rounds."""
    both = zip(rates["service", tasks], rates["bare", tasks], strict=True)
    return round(statistics.median(ours[1] / bare[1] for ours, bare in both), 3)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; `--json` also writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", nargs=2, metavar=("SIDE", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        side, listening = options.serve
        {"service": serve_service, "bare": serve_bare}[side](Path(listening))
        return
    rounds, frames, holds = (3, 4_000, 100) if options.quick else (11, 10_000, 400)
    found = {**machine(), **measure(rounds, frames, holds)}
    print(json.dumps(found, indent=1))
    write(found, options.json)


if __name__ == "__main__":
    main()
