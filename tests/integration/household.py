"""One data directory, and the services that run on it one after the other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from integration.client import Client, Frame
from integration.service import ROOT, Service
from integration.tasks import poll


class Household:
    """Starts, kills and restarts services on a data directory; `options` are those of `Service`."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self._folder = folder
        self._options = {"arguments": ["--allow-private-networks"]} | options
        self.service: Service | None = None

    def start(self) -> Service:
        (self._folder / "url").unlink(missing_ok=True)
        self.service = Service(self._folder, **self._options)
        return self.service

    def kill(self) -> None:
        """End the service as a crash would."""
        assert self.service is not None
        self.service.process.kill()
        self.service.process.wait()

    def restart(self) -> Service:
        self.kill()
        return self.start()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ours on the data directory."""
        command = [sys.executable, "-m", "server.cli", *arguments]
        command += ["--data-dir", str(self._folder / "data")]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    def usage(self, *arguments: str) -> Any:
        return json.loads(self.run("usage", "--json", *arguments).stdout)


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Household]:
    """A household whose last service ends in order and had no defects."""
    household = Household(folder, **options)
    yield household
    if household.service is not None:
        household.service.stop()
        assert household.service.defects() == []


async def ask(client: Client, task_uuid: str) -> Frame:
    """Poll a task until it has ended; return its last word."""
    before = len(client.about(task_uuid))
    await client.send(poll(task_uuid))
    answer = (await client.replies(task_uuid, count=before + 1))[before]
    if answer.get("status") == "processing":
        answer = (await client.replies(task_uuid, count=before + 2))[before + 1]
    return answer
