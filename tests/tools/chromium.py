"""Debian's Chromium for the browser tests, unless one is on this machine.

python tests/tools/chromium.py

Needs root, or sudo without a password. Where it cannot be had this says so and exits with 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
PACKAGES = ("chromium", "fonts-dejavu-core")
LIMIT_S = 900


def find() -> str | None:
    """Tell where the browser is."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def install() -> None:
    """Install it; raises OSError or subprocess.SubprocessError where that fails."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    options = ["--yes", "--quiet", "--no-install-recommends"]
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "--quiet"], ["install", *options, *PACKAGES]):
        subprocess.run([*as_root, "apt-get", *command], env=env, timeout=LIMIT_S, check=True)


def main() -> int:
    """Install what is missing; 0 where there is a Chromium in the end."""
    if find() is None:
        try:
            install()
        except (OSError, subprocess.SubprocessError) as exc:
            print(f"Chromium cannot be installed: {exc}", file=sys.stderr)
    found = find()
    print(f"Chromium: {found}" if found else "There is no Chromium here: install one by hand.")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
