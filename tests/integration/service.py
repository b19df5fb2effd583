"""The real service as a subprocess: how it is started, read and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KEY = "key-of-acme"
TENANT = "acme"
OTHER_KEY = "key-of-other"
START_S = 90.0
STOP_S = 60.0


class Service:
    """One running `cutwire serve`, with two tenants."""

    def __init__(
        self,
        folder: Path,
        *,
        arguments: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
        module: str = "server.cli",
    ) -> None:
        self.data_dir = folder / "data"
        self.log = folder / "log"
        self._url_file = folder / "url"
        command = [sys.executable, "-m", module, "serve", "--port", "0"]
        command += ["--url-file", str(self._url_file), "--data-dir", str(self.data_dir)]
        command += ["--api-key", f"{KEY}:{TENANT}", "--api-key", f"{OTHER_KEY}:other", *arguments]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=_environment(settings or {}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.url = self._wait_until_ready()

    @property
    def ws_url(self) -> str:
        return f"ws{self.url.removeprefix('http')}/v1"

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """Wait for the end of the process."""
        return self.process.wait(STOP_S)

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self.process.poll() is None:
            self.terminate()
            try:
                self.exit_code()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def entries(self) -> list[dict[str, Any]]:
        """The log, entry by entry."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def defects(self) -> list[dict[str, Any]]:
        """Log entries that no client should be able to provoke."""
        return [
            entry
            for entry in self.entries()
            if entry["level"] in ("error", "critical") or "exception" in entry
        ]

    def _wait_until_ready(self) -> str:
        deadline = time.monotonic() + START_S
        while not self._url_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the service did not start: {self.log.read_text()[-4000:]}")
            time.sleep(0.02)
        return self._url_file.read_text()


def _environment(settings: Mapping[str, object]) -> dict[str, str]:
    """This environment with the given settings, and none of the developer's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CUTWIRE_")}
    return kept | {f"CUTWIRE_{name.upper()}": str(value) for name, value in settings.items()}
