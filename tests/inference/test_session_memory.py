"""What a run takes of memory is what it needs at one time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.models import recurring, write_packaged

ROOT = Path(__file__).parents[2]
MEGABYTES, SHAPES = 32, 6
STORY = """
import re, sys
from pathlib import Path
from inference.models.public import PUBLIC_ROWS
from inference.sessions import SessionSettings
from inference.sessions.opening import open_session

row = next(row for row in PUBLIC_ROWS if row.name == "embedded")
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
before = peak()
session = open_session(Path(sys.argv[1]), SessionSettings(providers=("cpu",)), row)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_tensors_that_never_live_together_share_memory(tmp_path: Path) -> None:
    count = MEGABYTES * 2**20 // 4
    path = write_packaged(tmp_path, recurring([(2**k, count // 2**k) for k in range(SHAPES)]))

    run = subprocess.run(
        [sys.executable, "-c", STORY, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(run.stdout) < 3 * MEGABYTES
