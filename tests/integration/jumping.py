"""The command line, with a time of day that a file beside the data directory puts wrong."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

OFFSET = "clock-offset"
"""The file's name; in it, by how many seconds the time of day is wrong."""


def clock_that_follows(file: Path) -> Callable[[], float]:
    """Make a clock as a machine has whose time somebody sets."""
    true_time = time.time

    def wrong_time() -> float:
        return true_time() + (float(file.read_text()) if file.exists() else 0.0)

    return wrong_time


if __name__ == "__main__":
    data_dir = Path(sys.argv[sys.argv.index("--data-dir") + 1])
    time.time = clock_that_follows(data_dir.parent / OFFSET)  # before ours take it for a default
    from server.cli import main

    sys.exit(main())
