"""The wanted versions of nats-server, from Debian: .tools/nats/VERSION/nats-server.

python tests/tools/nats_server.py [--version 2.9]

The tests run on 2.10; the engine keeps to the features of 2.9; `next` is what the next release of
Debian has so far (2.15 in November 2026), and the one that production should be near to. Where
none can be had this says so and exits with 1; tests that need one are skipped then.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import debian

FOLDER = debian.FOLDER.parent / "nats"
RELEASES = {"2.10": "trixie", "2.9": "bookworm", "next": "forky"}
"""Version of the server → Debian release that has it."""


def install(version: str) -> bool:
    """Put a version in its place; tell whether it is there."""
    target = FOLDER / version / "nats-server"
    if not target.exists():
        unpacked = debian.get(f"nats-{version}", ["nats-server"], RELEASES[version])
        if unpacked is None:
            return False
        _place(unpacked / "usr" / "sbin" / "nats-server", target)
    print(f"nats-server {version}: {target}")
    return True


def _place(program: Path, target: Path) -> None:
    """Copy in one step: who looks for the target never sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(".new")
    shutil.copy2(program, aside)
    aside.replace(target)


def main(arguments: Sequence[str] | None = None) -> int:
    """Install what is missing; 0 where at least one server is there."""
    parser = argparse.ArgumentParser(description=__doc__, prog="nats_server.py")
    parser.add_argument("--version", choices=sorted(RELEASES), action="append")
    options = parser.parse_args(arguments)
    found = [install(version) for version in options.version or RELEASES]
    return 0 if any(found) else 1


if __name__ == "__main__":
    sys.exit(main())
