"""What decoding in a sandbox costs: CPU of both sides, and time by the clock, per 1 MP image.

python -m benchmarks sandbox [--quick] [--json FILE]

A thread and both kinds of sandbox decode the same image in turn, so that what the machine does
meanwhile hits all of them.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from PIL import Image, ImageOps
from skimage import data

from benchmarks.timing import machine, write
from inference.coding import PictureLimits, decode
from inference.picture import Picture
from inference.sandbox import DecodingSettings, Sandbox

LIMITS = PictureLimits()
KINDS = ("process", "seccomp")


def images() -> dict[str, bytes]:
    """Make a photograph of 1 MP in each format."""
    photo = ImageOps.fit(Image.fromarray(data.astronaut()), (1000, 1000))
    files = {}
    for kind in ("JPEG", "PNG", "WEBP"):
        out = io.BytesIO()
        photo.save(out, kind, quality=90)
        files[kind] = out.getvalue()
    return files


class Way:
    """One way of decoding; `children` do a part of its work."""

    def __init__(self, run: Callable[..., Picture], children: list[psutil.Process]) -> None:
        self._run = run
        self._children = children
        self.cpu_ms: list[float] = []
        self.wall_ms: list[float] = []

    def take(self, image: bytes) -> None:
        """Decode an image and note what it took."""
        wall, cpu = time.perf_counter(), self._cpu_s()
        self._run(image, parameter="inputImage", limits=LIMITS)
        self.wall_ms.append((time.perf_counter() - wall) * 1e3)
        self.cpu_ms.append((self._cpu_s() - cpu) * 1e3)

    def _cpu_s(self) -> float:
        """Count CPU to the nanosecond, as the scheduler does: psutil knows hundredths only."""
        paths = [Path(f"/proc/{child.pid}/schedstat") for child in self._children]
        return time.thread_time() + sum(int(path.read_text().split()[0]) for path in paths) / 1e9


def measure(rounds: int) -> dict[str, Any]:
    """Decode each image in each way in turn; medians."""
    sandboxes = {kind: Sandbox(DecodingSettings(sandbox=kind), LIMITS, 1) for kind in KINDS}
    children: dict[str, list[psutil.Process]] = {}
    found: dict[str, Any] = {"start_ms": {}, "rss_mb": {}}
    for kind, sandbox in sandboxes.items():
        before, begun = set(psutil.Process().children()), time.perf_counter()
        sandbox.open()
        found["start_ms"][kind] = round((time.perf_counter() - begun) * 1e3)
        children[kind] = [child for child in psutil.Process().children() if child not in before]
    for name, image in images().items():
        ways = {"thread": Way(decode, [])}
        ways |= {kind: Way(box.decode, children[kind]) for kind, box in sandboxes.items()}
        for _ in range(rounds):
            for way in ways.values():
                way.take(image)
        found[name] = {
            kind: {
                "cpu_ms": round(statistics.median(way.cpu_ms), 2),
                "wall_ms": round(statistics.median(way.wall_ms), 2),
            }
            for kind, way in ways.items()
        }
    for kind, sandbox in sandboxes.items():
        found["rss_mb"][kind] = round(children[kind][0].memory_info().rss / 1e6, 1)
        sandbox.close()
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sandbox", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    options = parser.parse_args(arguments)
    found = measure(10 if options.quick else 60)
    print(json.dumps(found, indent=1))
    if options.json is not None:
        write({"machine": machine()} | found, options.json)


if __name__ == "__main__":
    main()
