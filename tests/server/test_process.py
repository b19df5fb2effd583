"""How the process is set up: what threads share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
THREADS = 8
PROGRAM = f"""
import re, threading
from pathlib import Path
from server.process import limit_heaps

limit_heaps()
met, end = threading.Barrier({THREADS} + 1), threading.Event()

def fill():
    kept = [bytes(100_000) for _ in range(50)]
    met.wait()
    end.wait()

threads = [threading.Thread(target=fill) for _ in range({THREADS})]
for thread in threads:
    thread.start()
met.wait()
# Each heap but the first lies in 64 MiB of addresses of its own, at whose start it begins.
lines = Path("/proc/self/maps").read_text().splitlines()
starts = [int(line.split("-")[0], 16) for line in lines if " rw-p " in line]
print(sum(start % (64 << 20) == 0 for start in starts))
end.set()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only GNU's malloc has heaps of this kind")
def test_threads_share_two_heaps() -> None:
    assert heaps() <= 1  # and the first one


@pytest.mark.skipif(sys.platform != "linux", reason="only GNU's malloc has heaps of this kind")
def test_environment_says_how_many_heaps_there_are() -> None:
    assert heaps(MALLOC_ARENA_MAX="8") > 1


def heaps(**environment: str) -> int:
    inherited = {k: v for k, v in os.environ.items() if k != "MALLOC_ARENA_MAX"}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(ran.stdout)
