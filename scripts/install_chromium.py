"""Put Debian's Chromium on this machine, for the browser tests, unless one is there.

python scripts/install_chromium.py

Needs root, or sudo without a password. Where it cannot be had this says so and exits with 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
LIMIT_S = 900
INSTALL = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends"]
PACKAGES = ["chromium", "fonts-dejavu-core"]


def main() -> int:
    """Install it; 0 where it is there in the end."""
    if found := _found():
        print(f"Chromium is there: {found}")
        return 0
    if shutil.which("apt-get") is None:
        print("There is no apt-get here: install Chromium by hand.", file=sys.stderr)
        return 1
    for command in (["apt-get", "update", "--quiet"], [*INSTALL, *PACKAGES]):
        if not _ran(command):
            return 1
    print(f"Installed {_found()}")
    return 0 if _found() else 1


def _found() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _ran(command: list[str]) -> bool:
    as_root = command if os.geteuid() == 0 else ["sudo", "--non-interactive", *command]
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(as_root, env=env, timeout=LIMIT_S, check=True)
    except (OSError, subprocess.SubprocessError) as exc:
        print(f"Chromium cannot be installed: {exc}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
