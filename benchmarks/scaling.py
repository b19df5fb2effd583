"""How cost grows: with the picture's size, tasks in an array, connections, and tenants.

    python -m benchmarks scaling [--quick] [--json FILE] [--plot FILE] [--markdown FILE]

JPEG → PNG cut-out with the embedded network, as it comes, over WebSockets. All points of an axis
are measured in turn, round after round; medians. What does not grow should stay flat:

- picture, MP: one client, one task after another.
- tasks in an array: arrays of so many 0.25 MP pictures, until as many tasks are done at each point.
- connections, tenants: so many sockets at work at once on 0.25 MP pictures, all of one tenant, or
  each of its own.

`cpu_ms_per_task`: user and system time of the service. `p50_ms`: from sending to each result; with
everything in flight at once it grows with what waits, the CPU time of a task should not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.harness import KEY, PeakMemory, Running, photograph, removal_task, running_service
from benchmarks.tables import scaling_table
from benchmarks.timing import machine, write

SMALL_MP = 0.25
MOST_TENANTS = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """The points of each axis, and how much is run at each."""

    rounds: int
    tasks: int
    """Tasks at each point, where the point itself asks for no more."""
    megapixels: tuple[float, ...]
    arrays: tuple[int, ...]
    connections: tuple[int, ...]
    tenants: tuple[int, ...]


FULL = Plan(
    rounds=5,
    tasks=32,
    megapixels=(0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0),
    arrays=(1, 4, 16, 64),
    connections=(1, 4, 16, 64),
    tenants=(1, 4, MOST_TENANTS),
)
QUICK = Plan(
    rounds=1,
    tasks=8,
    megapixels=(0.25, 1.0, 4.0, 12.0),
    arrays=(1, 8),
    connections=(1, 8),
    tenants=(1, 8),
)


@dataclass(frozen=True, slots=True)
class Point:
    """What runs: on each of so many sockets arrays one after another, each of so many tasks."""

    image: bytes
    sockets: int = 1
    tenants: int = 1
    array: int = 1
    arrays: int = 1


async def log_in(running: Running, tenant: int) -> ClientConnection:
    """Open a tenant's socket."""
    address = f"ws{running.base_url.removeprefix('http')}/v1"
    socket = await connect(address, max_size=None, compression=None, proxy=None)
    await socket.send(json.dumps([{"taskType": "authentication", "apiKey": key_of(tenant)}]))
    reply = json.loads(await socket.recv())
    if "errors" in reply:
        raise RuntimeError(reply["errors"])
    return socket


def key_of(tenant: int) -> str:
    """Name the key of a tenant; the first is that of every benchmark."""
    return KEY if tenant == 0 else f"{KEY}-{tenant}"


async def send_arrays(socket: ClientConnection, point: Point) -> list[float]:
    """Send arrays one after another; return the seconds until each result."""
    taken = []
    for _ in range(point.arrays):
        frame = json.dumps([removal_task(point.image) for _ in range(point.array)])
        begun = time.monotonic()
        await socket.send(frame)
        for _ in range(point.array):
            reply = await socket.recv()
            taken.append(time.monotonic() - begun)
            if "errors" in json.loads(reply):
                raise RuntimeError(reply[:500])
    return taken


def run_point(running: Running, point: Point) -> dict[str, float]:
    """Run one point; return its figures."""

    async def work() -> tuple[float, float, list[float]]:
        sockets = [await log_in(running, n % point.tenants) for n in range(point.sockets)]
        cpu, begun = sum(running.process.cpu_times()[:2]), time.monotonic()
        parts = await asyncio.gather(*(send_arrays(socket, point) for socket in sockets))
        wall_s, cpu_s = time.monotonic() - begun, sum(running.process.cpu_times()[:2]) - cpu
        for socket in sockets:
            await socket.close()
        return wall_s, cpu_s, [took for part in parts for took in part]

    with PeakMemory(running.process) as memory:
        wall_s, cpu_s, taken = asyncio.run(work())
    return {
        "cpu_ms_per_task": round(cpu_s / len(taken) * 1e3, 2),
        "p50_ms": round(statistics.median(taken) * 1e3, 2),
        "per_s": round(len(taken) / wall_s, 3),
        "peak_mb": round(memory.peak_bytes / 1e6),
    }


def axes_of(plan: Plan) -> dict[str, dict[float, Point]]:
    """Lay the axes out."""
    small = photograph(SMALL_MP)

    def each(shares: int) -> int:
        return max(1, plan.tasks // shares)

    return {
        "picture, MP": {
            mp: Point(photograph(mp), arrays=max(2, round(plan.tasks / (1 + mp))))
            for mp in plan.megapixels
        },
        "tasks in an array": {n: Point(small, array=n, arrays=each(n)) for n in plan.arrays},
        "connections": {n: Point(small, sockets=n, arrays=each(n)) for n in plan.connections},
        "tenants": {
            n: Point(small, sockets=max(plan.tenants), tenants=n, arrays=each(max(plan.tenants)))
            for n in plan.tenants
        },
    }


def measure(plan: Plan) -> dict[str, Any]:
    """Run all points in turn, each once unmeasured by its neighbour of the same size."""
    axes = axes_of(plan)
    seen: dict[tuple[str, float], list[dict[str, float]]] = {}
    keys = [part for n in range(1, MOST_TENANTS) for part in ("--api-key", f"{key_of(n)}:t{n}")]
    with running_service(*keys) as running:
        run_point(running, Point(photograph(SMALL_MP), sockets=2, arrays=2))
        for number in range(plan.rounds):
            for axis, points in axes.items():
                for size, point in points.items():
                    found = run_point(running, point)
                    seen.setdefault((axis, size), []).append(found)
                    print(f"round {number + 1}: {axis} {size}: {found}", flush=True)
    return {
        "rounds": plan.rounds,
        "axes": {
            axis: [{"size": size, **medians(seen[axis, size])} for size in points]
            for axis, points in axes.items()
        },
    }


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; the options also write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks scaling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer points, one round")
    for name in ("--json", "--plot", "--markdown"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args(arguments)
    found = {**machine(), **measure(QUICK if options.quick else FULL)}
    print(scaling_table(found))
    write(found, options.json)
    if options.markdown:
        options.markdown.write_text(scaling_table(found) + "\n", encoding="utf-8")
    if options.plot:
        from benchmarks.plots import plot_scaling

        plot_scaling(found, options.plot)


if __name__ == "__main__":
    main()
