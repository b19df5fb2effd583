"""Gateways and workers as real processes, round a real broker, behind one address."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from brokers import SMALL, NatsCluster, NatsServer, newest

from inference.database import FILE_NAME, open_read_only
from inference.ledger import charges_by_task

ROOT = Path(__file__).parents[1]
KEY = "key-of-acme"
TENANT = "acme"
OTHER_KEY = "key-of-other"
START_S = 180.0
STOP_S = 60.0


class Program:
    """One `cutwire` process that may be killed and started again with what it had."""

    def __init__(
        self, folder: Path, arguments: Sequence[str], settings: Mapping[str, object]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data_dir = folder / "data"
        self.log = folder / "log"
        self._url_file = folder / "url"
        self._command = [
            *(sys.executable, "-m", "server.cli", *arguments),
            *("--url-file", str(self._url_file), "--data-dir", str(self.data_dir)),
        ]
        self._environment = _environment(settings)
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.launch()

    @property
    def ws_url(self) -> str:
        return f"ws{self.url.removeprefix('http')}/v1"

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def launch(self) -> None:
        """Start it; `wait` until it is ready."""
        self._url_file.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def wait(self) -> Program:
        """Wait until it is ready."""
        deadline = time.monotonic() + START_S
        assert self.process is not None
        while not self._url_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"did not start: {self.log.read_text()[-4000:]}")
            time.sleep(0.02)
        self.url = self._url_file.read_text()
        return self

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """Wait for its end."""
        assert self.process is not None
        return self.process.wait(STOP_S)

    def stop(self) -> None:
        """End it, whatever it does."""
        if self.process is not None and self.process.poll() is None:
            self.terminate()
            try:
                self.exit_code()
            except subprocess.TimeoutExpired:
                self.kill()

    def entries(self) -> list[dict[str, Any]]:
        """The log, entry by entry."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def defects(self) -> list[dict[str, Any]]:
        """Log entries that nothing from outside should be able to provoke."""
        bad = ("error", "critical")
        return [e for e in self.entries() if e["level"] in bad or "exception" in e]


class Cluster:
    """A broker, gateways and workers that share a folder or a bucket."""

    def __init__(
        self,
        folder: Path,
        *,
        gateways: int = 2,
        workers: int = 2,
        broker: NatsServer | NatsCluster | None = None,
        settings: Mapping[str, object] | None = None,
        worker_settings: Mapping[str, object] | None = None,
        arguments: Sequence[str] = ("--allow-private-networks",),
    ) -> None:
        self._folder = folder
        self.broker = broker or NatsServer(folder / "nats", newest())
        urls = [self.broker.url] if isinstance(self.broker, NatsServer) else self.broker.urls
        replicas = 1 if isinstance(self.broker, NatsServer) else 3
        self.settings = {
            "shared_dir": folder / "shared",
            "nats__replicas": replicas,
            "nats__ack_wait_s": 3,
            **{f"nats__{name}": value for name, value in SMALL.items()},
            **(settings or {}),
        }
        self._worker_settings = self.settings | dict(worker_settings or {})
        self._nats = [part for url in urls for part in ("--nats-url", url)]
        self._arguments = list(arguments)
        self.gateways = [self._gateway(number) for number in range(gateways)]
        self.workers = [self._worker(number) for number in range(workers)]
        for program in self.programs:
            program.wait()

    @property
    def programs(self) -> list[Program]:
        return [*self.gateways, *self.workers]

    def add_worker(self) -> Program:
        """Start one more worker."""
        self.workers.append(self._worker(len(self.workers)))
        return self.workers[-1].wait()

    def charges(self) -> dict[str, int]:
        """How often each task was charged, by all ledgers there are."""
        found: Counter[str] = Counter()
        for gateway in self.gateways:
            with closing(open_read_only(gateway.data_dir / FILE_NAME)) as ledger:
                found.update(charges_by_task(ledger))
        return dict(found)

    def stop(self) -> None:
        """End everything, the broker last."""
        for program in self.programs:
            if program.process is not None and program.process.poll() is None:
                program.terminate()
        for program in self.programs:
            program.stop()
        self.broker.stop()

    def defects(self) -> list[dict[str, Any]]:
        return [entry for program in self.programs for entry in program.defects()]

    def _gateway(self, number: int) -> Program:
        keys = ("--api-key", f"{KEY}:{TENANT}", "--api-key", f"{OTHER_KEY}:other")
        return Program(
            self._folder / f"gateway{number}",
            ["serve", "--engine", "nats", "--port", "0", *keys, *self._nats, *self._arguments],
            self.settings,
        )

    def _worker(self, number: int) -> Program:
        return Program(
            self._folder / f"worker{number}",
            ["worker", "--port", "0", *self._nats, *self._arguments],
            self._worker_settings,
        )


@contextmanager
def running_cluster(folder: Path, **options: Any) -> Iterator[Cluster]:
    """A cluster that ends with the block."""
    cluster = Cluster(folder, **options)
    try:
        yield cluster
    finally:
        cluster.stop()


def _environment(settings: Mapping[str, object]) -> dict[str, str]:
    """This environment with the given settings, and none of the developer's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CUTWIRE_")}
    return kept | {f"CUTWIRE_{name.upper()}": str(value) for name, value in settings.items()}


class Balancer:
    """A round-robin TCP proxy in a thread: each connection goes to the next one that answers."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self._programs = programs
        self._turns = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._is_up.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            for _ in self._programs:
                program = self._programs[next(self._turns) % len(self._programs)]
                with contextlib.suppress(OSError):
                    upstream = await asyncio.open_connection("127.0.0.1", program.port)
                    await asyncio.gather(_copy(reader, upstream[1]), _copy(upstream[0], writer))
                    return
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(64 * 1024):
            writer.write(data)
            await writer.drain()
    writer.close()
