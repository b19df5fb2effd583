"""A service of its own for the demo: another process, a free port, a folder that goes with it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from protocol.errors import CutwireError
from server.auth import new_key

START_S = 120.0
STOP_S = 40.0


@contextmanager
def running_service() -> Iterator[tuple[str, str]]:
    """Start a service, give its base URL and an API key, and stop it after the block."""
    with tempfile.TemporaryDirectory(prefix="cutwire-demo-") as name:
        folder, key = Path(name), new_key()
        url_file, log = folder / "url", folder / "log"
        command = [
            *(sys.executable, "-m", "server.cli", "serve", "--port", "0"),
            *("--url-file", str(url_file), "--api-key", f"{key}:demo"),
            *("--data-dir", str(folder / "data")),
        ]
        with log.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                command, stdout=subprocess.DEVNULL, stderr=stderr
            )
        try:
            yield _wait_until_ready(process, url_file, log), key
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], url_file: Path, log: Path) -> str:
    patience = time.monotonic() + START_S
    while not url_file.exists():
        if process.poll() is not None or time.monotonic() > patience:
            raise CutwireError(f"The service did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)
    return url_file.read_text()
