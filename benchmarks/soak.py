"""Memory after long load: does the service give back what a long mixture of tasks took?

python -m benchmarks soak [--minutes N] [--clients N] [--quick] [--json FILE]

The start is counted after every kind of task has run once, at the full number of clients and with
the largest picture: models are loaded and allocators have what one round takes. Goal: resident
memory at the end within 20 % of that.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import io
import itertools
import json
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from websockets.asyncio.client import ClientConnection

from benchmarks.harness import Running, logged_in, photograph, removal_task, running_service
from benchmarks.timing import machine, write

GOAL = 0.20
QUIET_S = 40.0
"""How long nothing is sent before memory is read: idle models give theirs back after a while."""
QUICK_QUIET_S = 5.0
SAMPLE_S = 5.0
TASKS_A_SOCKET = 25
"""After so many a client drops its socket, often with a task in work, and opens another."""

Task = dict[str, Any]


class Mixture:
    """Tasks of every kind, sound and unsound, in an order that a seed decides."""

    def __init__(self) -> None:
        self._photos = {size: photograph(size) for size in (0.1, 0.5, 1.0, 4.0)}
        self._masks = {size: _mask(photo) for size, photo in self._photos.items()}

    def every(self) -> list[Task]:
        """Make each kind once; the largest picture too."""
        small, middle, large = (self._photos[size] for size in (0.1, 1.0, 4.0))
        erase = {"taskType": "imageErase", "maskImage": self._masks[0.5]}
        return [
            removal_task(small, outputFormat="PNG"),
            removal_task(middle, outputFormat="WEBP"),
            removal_task(large, outputFormat="JPG", outputType="URL"),
            removal_task(small, alphaMatting=True),
            removal_task(middle, deliveryMethod="async"),
            removal_task(middle, taskType="imageMasking"),
            removal_task(middle, taskType="imageForegroundCrop"),
            removal_task(middle, taskType="imageBackgroundBlur"),
            removal_task(middle, taskType="imageProductCutout"),
            removal_task(self._photos[0.5], **erase),
            removal_task(middle[:10_000]),
            removal_task(small, outputQuality=5),
            removal_task(b"GIF89a"),
            {
                "taskType": "imageUpload",
                "taskUUID": str(uuid.uuid4()),
                "image": base64.b64encode(small).decode(),
            },
            {"taskType": "getResponse", "taskUUID": str(uuid.uuid4())},
        ]

    def endless(self, seed: int) -> itertools.chain[Task]:
        """Make tasks for ever, each round in another order."""
        dice = random.Random(seed)
        return itertools.chain.from_iterable(
            dice.sample(tasks, len(tasks)) for tasks in iter(self.every, None)
        )


def _mask(photo: bytes) -> str:
    size = Image.open(io.BytesIO(photo)).size
    mask = Image.new("L", size)
    box = [(size[0] // 3, size[1] // 3), (size[0] // 2, size[1] // 2)]
    ImageDraw.Draw(mask).rectangle(box, fill=255)
    out = io.BytesIO()
    mask.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


async def run_task(socket: ClientConnection, task: Task, codes: Counter[str]) -> None:
    """Send a task, wait for its answer, and count how it ended."""
    await socket.send(json.dumps([task]))
    answer = json.loads(await socket.recv())
    (element,) = [*answer.get("data", []), *answer.get("errors", [])]
    codes[element.get("code", "done")] += 1


@contextlib.asynccontextmanager
async def socket_of(running: Running) -> AsyncIterator[ClientConnection]:
    """Lend a socket that is logged in."""
    socket = await logged_in(running)
    try:
        yield socket
    finally:
        await socket.close()


async def warm_up(running: Running, mixture: Mixture, clients: int) -> None:
    """Let every client run every kind once."""

    async def client() -> None:
        async with socket_of(running) as socket:
            for task in mixture.every():
                await run_task(socket, task, Counter())

    await asyncio.gather(*(client() for _ in range(clients)))


async def load(running: Running, mixture: Mixture, clients: int, until: float) -> Counter[str]:
    """Keep so many clients busy until the time is over."""
    codes: Counter[str] = Counter()

    async def client(number: int) -> None:
        tasks = mixture.endless(number)
        while time.monotonic() < until:
            async with socket_of(running) as socket:
                for task in itertools.islice(tasks, TASKS_A_SOCKET):
                    if time.monotonic() >= until:
                        return
                    await run_task(socket, task, codes)
                await socket.send(json.dumps([next(tasks)]))  # and does not wait for its end

    await asyncio.gather(*(client(number) for number in range(clients)))
    return codes


async def sample(running: Running, samples: list[dict[str, float]]) -> None:
    """Note memory, descriptors and threads until cancelled."""
    begun = time.monotonic()
    while True:
        samples.append({"s": round(time.monotonic() - begun)} | state_of(running))
        await asyncio.sleep(SAMPLE_S)


def state_of(running: Running) -> dict[str, float]:
    """What the service holds now."""
    return {
        "rss_mb": round(running.process.memory_info().rss / 1e6, 1),
        "descriptors": running.process.num_fds(),
        "threads": running.process.num_threads(),
    }


async def soak(running: Running, minutes: float, clients: int, quiet_s: float) -> dict[str, Any]:
    """Warm up, load, wait, and compare."""
    mixture = Mixture()
    await warm_up(running, mixture, clients)
    await asyncio.sleep(quiet_s)
    start, samples = state_of(running), list[dict[str, float]]()
    sampling = asyncio.create_task(sample(running, samples))
    codes = await load(running, mixture, clients, time.monotonic() + 60 * minutes)
    sampling.cancel()
    await asyncio.sleep(quiet_s)
    end = state_of(running)
    growth = end["rss_mb"] / start["rss_mb"] - 1
    return {
        "minutes": minutes,
        "clients": clients,
        "tasks": codes.total(),
        "ended": dict(codes.most_common()),
        "start": start,
        "end": end,
        "peak_rss_mb": max(entry["rss_mb"] for entry in samples),
        "rss_growth": round(growth, 3),
        "is_within_goal": growth <= GOAL,
        "samples": samples,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="a third of a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    options = parser.parse_args(arguments)
    minutes = 0.3 if options.quick else options.minutes
    with running_service() as running:
        quiet_s = QUICK_QUIET_S if options.quick else QUIET_S
        figures = asyncio.run(soak(running, minutes, options.clients, quiet_s))
    shown = {name: value for name, value in figures.items() if name != "samples"}
    print(json.dumps(shown, indent=1))
    if options.json is not None:
        write({"machine": machine()} | figures, options.json)


if __name__ == "__main__":
    main()
