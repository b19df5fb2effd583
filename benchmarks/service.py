"""The service from outside: one task by stage, many clients, memory, a cold start.

python -m benchmarks service [--quick] [--tasks N] [--clients N] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import re
import statistics
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


def measure_cold_start() -> dict[str, Any]:
    """From the start of the process to the first result of a 1 MP task."""
    image = photograph(1.0)
    with running_service() as running:

        async def work() -> float:
            return await run_one(await logged_in(running), removal_task(image))

        first = asyncio.run(work())
    return {"ready_s": round(running.started_s, 2), "first_result_s": round(first, 3)}


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
        "cold_start": measure_cold_start(),
    }
    text = json.dumps(figures, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
