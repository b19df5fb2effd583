"""Memory between what is still in use goes back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STORY = """
import psutil
from inference.heap import trim_heap

pieces = [bytes(range(256)) * 256 for _ in range(3000)]
last = pieces.pop()  # it holds the top of the heap: nothing below it is given back by free()
kept = [pieces[0], pieces[1500]]
pieces.clear()
before = psutil.Process().memory_info().rss
trim_heap()
print((before - psutil.Process().memory_info().rss) // 2**20, len(last), len(kept))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only GNU's libc keeps freed memory so")
def test_freed_memory_below_what_is_in_use_is_given_back() -> None:
    run = subprocess.run(
        [sys.executable, "-c", STORY], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(run.stdout.split()[0]) > 100
