"""A NATS server of a benchmark's own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOOLS = Path(__file__).parents[1] / ".tools" / "nats"


def find_server(program: str = "") -> str:
    """The program that was named, or the newest that `make nats` installed, or the system's."""
    for version in ("2.10", "2.9"):
        path = TOOLS / version / "nats-server"
        if not program and path.exists():
            return str(path)
    found = shutil.which(program or "nats-server")
    if found is None:
        raise SystemExit("No nats-server here: `make nats` installs it, or name it.")
    return found


@contextmanager
def running_nats(program: str, options: str = "") -> Iterator[str]:
    """Start a server on a free port and an empty folder; give its URL."""
    with socket.socket() as probe, tempfile.TemporaryDirectory(prefix="cutwire-nats-") as name:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        config = Path(name) / "nats.conf"
        config.write_text(
            f'listen: 127.0.0.1:{port}\njetstream {{ store_dir: "{name}/js", {options} }}\n'
        )
        server = subprocess.Popen(
            [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait_for(port, server)
            yield f"nats://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(1000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.01)
    raise SystemExit("nats-server does not start")
