"""Two ways of doing the same thing, timed in turn: what the machine does meanwhile hits both."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import psutil

from inference.batcher.model import count_cores

Work = Callable[[], object]


def time_in_turn(ways: dict[str, Work], rounds: int, reference: str = "ours") -> dict[str, Any]:
    """Run each way once unmeasured and then in turn; medians; `ratio` is theirs over ours.

    `cpu_ms` is the calling thread's own time: nothing here works on other threads.
    """
    for work in ways.values():
        work()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            wall, cpu = time.perf_counter(), time.thread_time()
            work()
            taken[name].append((time.thread_time() - cpu, time.perf_counter() - wall))
    found: dict[str, Any] = {}
    for name, pairs in taken.items():
        cpu_s, wall_s = (statistics.median(part) for part in zip(*pairs, strict=True))
        found[name] = {"cpu_ms": round(cpu_s * 1e3, 2), "wall_ms": round(wall_s * 1e3, 2)}
    for name in ways.keys() - {reference}:
        both = zip(taken[reference], taken[name], strict=True)
        found[name]["ratio"] = round(statistics.median(b[0] / a[0] for a, b in both), 2)
    return found


def machine() -> dict[str, Any]:
    """Say what was measured on what, and how busy that was with other things."""
    return {
        "measured": datetime.now(UTC).date().isoformat(),
        "cpu": _cpu_name(),
        "cores": count_cores(),
        "load": round(psutil.getloadavg()[0], 1),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def _cpu_name() -> str:
    """Read the processor's name, where the system tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.processor()


def print_table(found: dict[str, Any]) -> None:
    """Print what `time_in_turn` returned, for each size and stage."""
    for size, stages in found.items():
        for stage, ways in stages.items():
            cells = [
                f"{name} {way['cpu_ms']:.1f} ms" + (f" ({way['ratio']}x)" if "ratio" in way else "")
                for name, way in ways.items()
                if isinstance(way, dict)
            ]
            print(f"{size:>5} {stage:14} {', '.join(cells)}")


def write(found: dict[str, Any], path: Path | None) -> None:
    """Write the figures as JSON, if a file was named."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
