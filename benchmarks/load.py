"""Load on a server over HTTP, what its processes take meanwhile, and the bare session beside it."""

from __future__ import annotations

import http.client
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import onnxruntime
import psutil

from benchmarks.network import INPUT, Floats
from inference.batcher.model import count_cores

ANSWER_S = 600.0
Answer = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """One picture's request. `body` says `@uuid@` where each must have an own name."""

    path: str
    body: bytes
    headers: Mapping[str, str]
    read: Answer
    """Takes the PNG out of the answer's body."""


class Client:
    """One connection that is kept; asks again and again."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)

    def ask(self, request: Request) -> bytes:
        """Return the answer's body; ConnectionError where the server is not ready."""
        body = request.body.replace(b"@uuid@", str(uuid.uuid4()).encode())
        self._connection.request("POST", request.path, body, dict(request.headers))
        response = self._connection.getresponse()
        answer = response.read()
        if response.status in {502, 503, 504}:
            raise ConnectionError(f"{response.status}: {answer[:300]!r}")
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{response.status}: {answer[:300]!r}")
        return answer

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Tree:
    """A process and its descendants: their CPU time and memory, sampled while a block runs."""

    def __init__(self, pid: int, every_s: float = 0.05) -> None:
        self.peak_bytes = 0
        self.cpu_s = 0.0
        self._root = psutil.Process(pid)
        self._every_s = every_s

    @contextmanager
    def metered(self) -> Iterator[None]:
        """Meter the block: `cpu_s` of it alone, and the peak of resident bytes during it."""
        self.peak_bytes = 0
        stopped = threading.Event()
        thread = threading.Thread(target=self._sample, args=(stopped,), daemon=True)
        begun = self._cpu_s()
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()
            self.cpu_s = self._cpu_s() - begun

    def _sample(self, stopped: threading.Event) -> None:
        while not stopped.wait(self._every_s):
            self.peak_bytes = max(self.peak_bytes, sum(self._each(lambda p: p.memory_info().rss)))

    def _cpu_s(self) -> float:
        return sum(self._each(lambda process: sum(process.cpu_times()[:2])))

    def _each(self, read: Callable[[psutil.Process], float]) -> list[int]:
        found = []
        for process in (self._root, *self._root.children(recursive=True)):
            try:
                found.append(read(process))
            except psutil.NoSuchProcess:
                continue
        return found


def run_level(
    port: int, tree: Tree, requests: Sequence[Request], clients: int, pictures: int
) -> dict[str, Any]:
    """Let so many clients ask for so many pictures in all, each one after another."""
    numbers, lock = count(), threading.Lock()
    taken: list[tuple[int, float, float]] = []

    def client() -> None:
        connection = Client(port)
        while True:
            with lock:
                number = next(numbers)
            if number >= pictures:
                return connection.close()
            begun = time.perf_counter()
            connection.ask(requests[number % len(requests)])
            ended = time.perf_counter()
            with lock:
                taken.append((number, begun, ended))

    with tree.metered(), ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(client) for _ in range(clients)]:
            done.result()
    return {
        "clients": clients,
        "pictures": pictures,
        **summarise_times(taken, clients),
        "cpu_s_per_picture": round(tree.cpu_s / pictures, 4),
        "peak_mb": round(tree.peak_bytes / 1e6),
    }


def summarise_times(taken: Sequence[tuple[int, float, float]], clients: int) -> dict[str, float]:
    """Turn number, start and end of each picture into rate and latencies.

    The first and the last wave are left out, where there are others: the machine is not full then.
    """
    wave = clients if len(taken) >= 3 * clients else 0
    took = sorted(
        ended - begun
        for number, begun, ended in taken
        if wave <= number < len(taken) - wave or not wave
    )
    ends = sorted(ended for _, _, ended in taken)
    first = min(begun for _, begun, _ in taken)
    span = ends[-1 - wave] - (ends[wave - 1] if wave else first)
    p50, p95 = statistics.median(took), took[min(len(took) - 1, int(0.95 * len(took)))]
    return {
        "per_s": round((len(taken) - 2 * wave) / span, 3),
        "p50_ms": round(p50 * 1e3, 1),
        "p95_ms": round(p95 * 1e3, 1),
        "p95_over_p50": round(p95 / p50, 3),
    }


class RawSession:
    """The session alone, as the service opens it: a thread for each core, one inside a run."""

    def __init__(self, model: Path, item: Floats) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        self._item = item
        self._run()

    def measure(self, seconds: float) -> tuple[float, float]:
        """Run so long; return runs per second, and CPU seconds per run."""
        cores = count_cores()
        until, cpu, begun = time.perf_counter() + seconds, time.process_time(), time.perf_counter()

        def runner() -> int:
            runs = 0
            while time.perf_counter() < until:
                self._run()
                runs += 1
            return runs

        with ThreadPoolExecutor(cores) as pool:
            runs = sum(done.result() for done in [pool.submit(runner) for _ in range(cores)])
        return runs / (time.perf_counter() - begun), (time.process_time() - cpu) / runs

    def _run(self) -> None:
        self._session.run(None, {INPUT: self._item})
