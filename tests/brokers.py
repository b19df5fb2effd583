"""Real NATS servers on free ports, in temporary folders: single ones, and clusters of three."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
VERSIONS = ("2.10", "2.9")
START_S = 60.0
MIB = 1024 * 1024
SMALL: dict[str, Any] = {
    "tasks_bytes": 64 * MIB,
    "results_bytes": 64 * MIB,
    "jobs_bytes": 64 * MIB,
    "usage_bytes": 64 * MIB,
}
"""Settings that let many brokers fit on one disk: they set aside what their streams may use."""


def binary(version: str) -> str:
    """The server of a version, put there by `make nats`; without one the test is skipped."""
    path = ROOT / ".tools" / "nats" / version / "nats-server"
    if path.exists():
        return str(path)
    pytest.skip(f"no nats-server {version} here: `make nats` installs it where it can be had")


def newest() -> str:
    """The newest server there is; without any the test is skipped."""
    for version in VERSIONS:
        path = ROOT / ".tools" / "nats" / version / "nats-server"
        if path.exists():
            return str(path)
    found = shutil.which("nats-server")
    if found is None:
        pytest.skip("no nats-server here: `make nats` installs it where it can be had")
    return found


class NatsServer:
    """One server; it may be killed and started again on its port and its folder."""

    def __init__(
        self,
        folder: Path,
        program: str,
        *,
        name: str = "n0",
        peers: Sequence[int] = (),
        route_port: int = 0,
        options: str = "",
    ) -> None:
        self.port, self.http_port = free_port(), free_port()
        self.name = name
        self._program = program
        self._folder = folder
        self._config = folder / f"{name}.conf"
        folder.mkdir(parents=True, exist_ok=True)
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in peers)
        cluster = (
            f"cluster {{ name: c, listen: 127.0.0.1:{route_port}, routes: [{routes}] }}\n"
            if peers
            else ""
        )
        self._config.write_text(
            f"server_name: {name}\nlisten: 127.0.0.1:{self.port}\n"
            f"http: 127.0.0.1:{self.http_port}\n"
            f'jetstream {{ store_dir: "{folder / name}", {options} }}\n{cluster}'
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def monitoring_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def start(self) -> None:
        with (self._folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._config)], stdout=log, stderr=log
            )
        wait_until_open(self.port, self._process)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Let it stand still: connections stay, nothing is answered."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def asked(self, path: str) -> dict[str, Any]:
        """What its monitoring says."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.monitoring_url}/{path}", timeout=5) as answer:
            return dict(json.load(answer))

    def _end(self, sign: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(sign)
            process.wait()


class NatsCluster:
    """Three servers that keep three copies."""

    def __init__(self, folder: Path, program: str) -> None:
        routes = [free_port() for _ in range(3)]
        self.servers = [
            NatsServer(
                folder / f"n{place}",
                program,
                name=f"n{place}",
                peers=[port for port in routes if port != routes[place]],
                route_port=routes[place],
            )
            for place in range(3)
        ]
        deadline = time.monotonic() + START_S
        while not self._has_leader():
            assert time.monotonic() < deadline, "the cluster chose no leader"
            time.sleep(0.1)

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    def leader_of(self, stream: str) -> NatsServer:
        """The server that leads a stream."""
        for server in self.servers:
            for account in server.asked("jsz?accounts=true&streams=true")["account_details"]:
                for detail in account.get("stream_detail", []):
                    if detail["name"] == stream and detail["cluster"]["leader"] == server.name:
                        return server
        raise LookupError(f"nobody leads {stream}")

    def stop(self) -> None:
        for server in self.servers:
            server.stop()

    def _has_leader(self) -> bool:
        """Whether one of them leads, and the other two follow it."""
        said = [server.asked("jsz").get("meta_cluster", {}) for server in self.servers]
        followers = [one.get("replicas") or [] for one in said]
        return any(len([f for f in found if f.get("current")]) == 2 for found in followers)


class Door:
    """A way to a server that can be shut: who came through it is cut off, and cannot come again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._own_port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._own_port)
        self._own_port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.shut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._own_port}"

    def shut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        inner = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, inner[1]}
        if self._server is None:  # it was shut while this one stood in it
            writer.transport.abort()
            inner[1].transport.abort()
        await asyncio.gather(_copy(reader, inner[1]), _copy(inner[0], writer))
        self._writers -= {writer, inner[1]}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(64 * 1024):
            writer.write(data)
            await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextmanager
def running_server(folder: Path, program: str = "", **more: Any) -> Iterator[NatsServer]:
    """A server for as long as the block runs."""
    server = NatsServer(folder, program or newest(), **more)
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a port is listened to."""
    deadline = time.monotonic() + START_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "nats-server ended at its start"
        assert time.monotonic() < deadline, "nats-server does not listen"
        time.sleep(0.005)
