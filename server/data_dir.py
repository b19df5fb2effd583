"""The data directory: made for its owner alone, and served by one process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from protocol.errors import StorageUnavailable

LOCK_NAME = "lock"


def prepare_data_dir(data_dir: Path) -> Path:
    """Make the data directory, for its owner alone."""
    folder = data_dir.expanduser().absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextmanager
def hold_data_dir(data_dir: Path) -> Iterator[None]:
    """Keep other services away from the directory; the lock ends with the process, however it ends.

    Raises StorageUnavailable where another service has it.
    """
    with (data_dir / LOCK_NAME).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            raise StorageUnavailable(
                f"Another service uses {data_dir} (process {owner}). Stop it first, or give this "
                "one a directory of its own with --data-dir."
            ) from exc
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
