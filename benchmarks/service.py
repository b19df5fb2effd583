"""The service from outside: one task by stage, many clients, memory, starts.

python -m benchmarks service [--quick] [--tasks N] [--clients N] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import (
    PeakMemory,
    Running,
    logged_in,
    photograph,
    removal_task,
    run_clients,
    run_one,
    running_service,
    warm_environment,
)

STAGES = ("input", "decode", "load", "prepare", "model", "mask", "steps", "encode", "store")


def measure_stages(tasks: int) -> dict[str, Any]:
    """One client, one task after another, 1 MP JPEG → PNG cut-out: medians by stage, in ms."""
    image = photograph(1.0)
    with running_service() as running:

        async def work() -> list[float]:
            socket = await logged_in(running)
            return [await run_one(socket, removal_task(image)) for _ in range(tasks)]

        seen = asyncio.run(work())
        stages = [entry["stages_ms"] for entry in running.finished_tasks()]
    medians = {s: statistics.median(row.get(s, 0.0) for row in stages[1:]) for s in STAGES}
    whole = statistics.median(seen[1:]) * 1e3
    return {
        "client_p50_ms": round(whole, 1),
        "stages_p50_ms": {stage: round(took, 2) for stage, took in medians.items()},
        "all_but_model_ms": round(whole - medians["model"], 1),
    }


def measure_clients(clients: int, each: int) -> dict[str, Any]:
    """Many clients at once, 1.5 MP JPEG → PNG: rate, latency, peak memory."""
    image = photograph(1.5)
    with running_service() as running, PeakMemory(running.process) as memory:
        idle = running.process.memory_info().rss
        begun = sum(running.process.cpu_times()[:2])
        took = asyncio.run(run_clients(running, clients, each, image))
        cpu_s = sum(running.process.cpu_times()[:2]) - begun
        lags = read_lags(running)
    took.sort()
    return {
        "clients": clients,
        "tasks": len(took),
        "p50_s": round(statistics.median(took), 3),
        "p95_s": round(took[int(0.95 * (len(took) - 1))], 3),
        "cpu_s_per_task": round(cpu_s / len(took), 4),
        "idle_mb": round(idle / 1e6),
        "peak_mb": round(memory.peak_bytes / 1e6),
        "loop_lag": lags,
    }


def read_lags(running: Running) -> dict[str, float]:
    """Read from the metrics which share of the loop's ticks was late by at most so much."""
    text = urllib.request.urlopen(f"{running.base_url}/metrics").read().decode()
    cells = re.findall(r'cutwire_loop_lag_seconds_bucket{le="([^"]+)"} ([0-9.]+)', text)
    total = float(cells[-1][1])
    return {f"{float(end) * 1e3:g} ms": round(float(count) / total, 4) for end, count in cells[:-1]}


def measure_starts(rounds: int) -> dict[str, Any]:
    """Seconds from a process's start until it is ready and has done its first tasks; medians.

    One start before them, which is not counted, fills the caches.
    """
    image = photograph(1.0)
    matting = {"settings": {"alphaMatting": True}}
    seen: list[dict[str, float]] = []
    for _ in range(rounds + 1):
        with running_service() as running:

            async def work(running: Running = running) -> tuple[float, float]:
                socket = await logged_in(running)
                first = await run_one(socket, removal_task(image))
                return first, await run_one(socket, removal_task(image, **matting))

            first_s, matting_s = asyncio.run(work())
        ready_s = running.started_s
        seen.append(
            {
                "ready_s": ready_s,
                "first_result_s": ready_s + first_s,
                "first_matting_s": ready_s + first_s + matting_s,
                "import_s": measure_command("-c", "import server.app"),
                "run_one_picture_s": measure_run(image),
            }
        )
    return {name: round(statistics.median(one[name] for one in seen[1:]), 3) for name in seen[0]}


def measure_run(image: bytes) -> float:
    """Return the seconds of `cutwire run` on one picture."""
    with tempfile.TemporaryDirectory(prefix="cutwire-bench-") as name:
        picture = Path(name) / "picture.jpg"
        picture.write_bytes(image)
        files = str(picture), "--out", f"{name}/out", "--data-dir", f"{name}/data"
        return measure_command("-m", "server.cli", "run", "removeBackground", *files)


def measure_command(*arguments: str) -> float:
    """Return the seconds that a Python process takes."""
    begun = time.monotonic()
    subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, env=warm_environment()
    )
    return time.monotonic() - begun


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; `--json` also writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks service", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer tasks and clients")
    parser.add_argument("--tasks", type=int, default=31)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if options.quick:
        options.tasks, options.clients = 11, 8
    figures = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "one_client": measure_stages(options.tasks),
        "many_clients": measure_clients(options.clients, each=2 if options.quick else 4),
        "start": measure_starts(1 if options.quick else 3),
    }
    text = json.dumps(figures, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
