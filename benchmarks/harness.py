"""A service of its own to measure: another process, its log, its memory, and clients for it."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from PIL import Image, ImageOps
from skimage import data
from websockets.asyncio.client import ClientConnection, connect

KEY = "benchmark-key"
START_S = 120.0


@dataclass(frozen=True, slots=True)
class Running:
    """A service that is ready."""

    base_url: str
    process: psutil.Process
    log: Path
    started_s: float
    """From the start of the process until it was ready."""

    def finished_tasks(self) -> list[dict[str, Any]]:
        """Read the log lines of finished tasks."""
        entries = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [entry for entry in entries if entry["message"] == "task done"]


def warm_environment() -> dict[str, str]:
    """Let Python keep what it compiles, as it does unless it is told otherwise."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def running_service(*options: str) -> Iterator[Running]:
    """Start a service and stop it after the block."""
    with tempfile.TemporaryDirectory(prefix="cutwire-bench-") as name:
        url_file, log = Path(name) / "url", Path(name) / "log"
        begun = time.monotonic()
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "server.cli", "serve", "--port", "0"),
                    *("--url-file", str(url_file), "--api-key", f"{KEY}:bench"),
                    *("--data-dir", str(Path(name) / "data"), *options),
                ],
                env=warm_environment(),
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        try:
            while not url_file.exists():
                if process.poll() is not None or time.monotonic() - begun > START_S:
                    raise RuntimeError(log.read_text()[-2000:])
                time.sleep(0.01)
            took_s = time.monotonic() - begun
            yield Running(url_file.read_text(), psutil.Process(process.pid), log, took_s)
        finally:
            process.terminate()
            process.wait(60)


def photograph(megapixels: float, seed: int = 0) -> bytes:
    """Make a JPEG of a size: scikit-image's astronaut, cat or cup, enlarged; quality 90."""
    source = (data.astronaut, data.chelsea, data.coffee)[seed % 3]()
    side = round((megapixels * 1e6) ** 0.5)
    picture = ImageOps.fit(Image.fromarray(source), (side, side), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def removal_task(image: bytes, **fields: Any) -> dict[str, Any]:
    """Make a background removal task with the picture inside."""
    return {
        "taskType": "removeBackground",
        "taskUUID": str(uuid.uuid4()),
        "inputImage": base64.b64encode(image).decode(),
        "outputType": "base64Data",
        **fields,
    }


async def logged_in(running: Running) -> ClientConnection:
    """Open a WebSocket and log in."""
    address = f"ws{running.base_url.removeprefix('http')}/v1"
    socket = await connect(address, max_size=None, compression=None, proxy=None)
    await socket.send(json.dumps([{"taskType": "authentication", "apiKey": KEY}]))
    await socket.recv()
    return socket


async def run_one(socket: ClientConnection, task: dict[str, Any]) -> float:
    """Send one task, wait for its reply, return the seconds; an error ends the benchmark."""
    begun = time.monotonic()
    await socket.send(json.dumps([task]))
    reply = json.loads(await socket.recv())
    if "errors" in reply:
        raise RuntimeError(reply["errors"])
    return time.monotonic() - begun


async def run_clients(running: Running, clients: int, each: int, image: bytes) -> list[float]:
    """Run so many clients at once, each with so many tasks one after another."""

    async def client() -> list[float]:
        socket = await logged_in(running)
        took = [await run_one(socket, removal_task(image)) for _ in range(each)]
        await socket.close()
        return took

    return [s for took in await asyncio.gather(*(client() for _ in range(clients))) for s in took]


class PeakMemory:
    """Samples the resident memory of a process while a block runs."""

    def __init__(self, process: psutil.Process, every_s: float = 0.02) -> None:
        self.peak_bytes = 0
        self._process = process
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(self._every_s):
            self.peak_bytes = max(self.peak_bytes, self._process.memory_info().rss)
