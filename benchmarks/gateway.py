"""The gateway alone: the real service before an engine that does nothing, against a bare server.

python -m benchmarks gateway [--quick] [--json FILE]

Both run in turn, in processes of their own, driven by one raw socket with a window of frames. The
service is logged in, prices and counts every task, and logs from warnings on; the bare one is
uvicorn (websockets-sansio, uvloop) with Starlette and msgspec, and does nothing else.

How long a task holds the loop is told in three ways, for tasks that bring pictures of 1 kB to 1 MB:
all the CPU time that the loop's thread spends on it, from its wake-up by the socket to the cleaning
up, eight tasks at a time; the same for a task that finds the process asleep and its caches cold;
and what another client waits for a pong meanwhile, where a thread that keeps the GIL counts too.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import itertools
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gateway_servers import IMAGE_UUID, KEY
from benchmarks.raw_socket import RawSocket, masked
from benchmarks.timing import machine, write

WINDOW = 64
PER_ARRAY = 20
AT_ONCE = 8
SIDES = ("service", "bare")
START_S = 180.0


# The two servers


@contextlib.contextmanager
def running(side: str) -> Iterator[Side]:
    """Run one of the servers in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="cutwire-gateway-") as folder:
        listening = Path(folder) / "url"
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gateway_servers", side, str(listening)]
        )
        try:
            until = time.monotonic() + START_S
            while not listening.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"the {side} server did not start")
                time.sleep(0.02)
            port = int(listening.read_text().rpartition(":")[2])
            yield Side(process.pid, port, RawSocket(port, KEY if side == "service" else ""))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


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
    port: int
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

    def holds_ms(self, count: int, at_once: int) -> list[float]:
        """CPU time of the loop's thread for a task, so many of one size at once."""
        held = []
        for size in itertools.islice(sizes(), count):
            frames = [task_frame(1, picture_text(size)) for _ in range(at_once)]
            before = self.loop_s()
            self.socket.exchange(frames, 1, at_once)
            time.sleep(0.002)  # what follows the replies is part of it
            held.append((self.loop_s() - before) / at_once * 1e3)
        return held

    def bystander_waits_ms(self, seconds: float) -> dict[str, float]:
        """What another client waits for a pong, alone and while such tasks run one by one."""
        alone = self._witness(seconds / 4, ())
        beside = self._witness(seconds, (task_frame(1, picture_text(size)) for size in sizes()))
        return {"alone_p50": quantile(alone, 0.5), **middle_and_tail(beside)}

    def _witness(self, seconds: float, frames: Iterable[bytes]) -> list[float]:
        command = [sys.executable, "-m", "benchmarks.raw_socket", str(self.port), KEY, str(seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it has logged in
            until = time.monotonic() + seconds
            for frame in itertools.takewhile(lambda _: time.monotonic() < until, frames):
                self.socket.exchange([frame], 1, 1)
            return [float(line) for line in process.stdout]


def sizes() -> Iterator[int]:
    """Sizes of pictures from 1 kB to 1 MB, log-uniform; the same ones each time."""
    chance = random.Random(1)
    while True:
        yield int(10 ** chance.uniform(3, 6))


def middle_and_tail(values: Sequence[float]) -> dict[str, float]:
    """The median, and what 99 of 100 do not exceed."""
    return {"p50": quantile(values, 0.5), "p99": quantile(values, 0.99)}


def quantile(values: Sequence[float], part: float) -> float:
    """The value that so large a part of all does not exceed."""
    return round(sorted(values)[int(part * (len(values) - 1))], 3)


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
        held, held_by_lone = service.holds_ms(holds, AT_ONCE), service.holds_ms(holds, 1)
        bystander = service.bystander_waits_ms(holds / 50)
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
        "loop_held_ms": middle_and_tail(held),
        "loop_held_by_lone_task_ms": middle_and_tail(held_by_lone),
        "bystander_waits_ms": bystander,
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
    options = parser.parse_args(arguments)
    # Many short rounds: what else the machine does comes in bursts, and medians pass over these.
    rounds, frames, holds = (15, 1_000, 100) if options.quick else (45, 2_000, 400)
    found = {**machine(), **measure(rounds, frames, holds)}
    print(json.dumps(found, indent=1))
    write(found, options.json)


if __name__ == "__main__":
    main()
