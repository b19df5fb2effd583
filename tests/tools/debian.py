"""Tools from Debian's packages, unpacked into .tools/debian/, without root.

python tests/tools/debian.py NAME PACKAGE… [--release bookworm]

Makes .tools/debian/NAME with the files of the packages; what they depend on is not added. Where a
package cannot be had this says so and exits with 1; the tests that need it are skipped then.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".tools" / "debian"
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LIMIT_S = 300


def find(command: str) -> str | None:
    """Tell where a command is: among what was unpacked, or on this machine."""
    places = [*FOLDER.glob(f"*/usr/bin/{command}"), *FOLDER.glob(f"*/usr/sbin/{command}")]
    return str(places[0]) if places else shutil.which(command)


def unpack(name: str, packages: Sequence[str], release: str) -> Path:
    """Make FOLDER/NAME of packages, in one step; one that is there is left as it is.

    Raises OSError or subprocess.SubprocessError where they cannot be had.
    """
    target = FOLDER / name
    if target.exists():
        return target
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".new-") as temporary:
        folder = Path(temporary)
        files = folder / "files"
        for package in _download(packages, release, folder / "apt"):
            _run(["dpkg-deb", "-x", str(package), str(files)], folder)
        files.rename(target)
    return target


def get(name: str, packages: Sequence[str], release: str) -> Path | None:
    """Unpack packages and say where, or why they cannot be had."""
    try:
        target = unpack(name, packages, release)
    except (OSError, subprocess.SubprocessError) as exc:
        said = getattr(exc, "stderr", "") or str(exc)
        print(f"{name}: cannot be had here: {said.strip()[-300:]}")
        return None
    print(f"{name}: {target}")
    return target


def _download(packages: Sequence[str], release: str, folder: Path) -> list[Path]:
    """Get packages of a release, with a package index of our own."""
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    (folder / "status").touch()
    signed = f"[signed-by={KEYRING}] " if Path(KEYRING).exists() else "[trusted=yes] "
    (folder / "sources.list").write_text(f"deb {signed}{MIRROR} {release} main\n")
    settings = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State": folder,
        "Dir::State::Status": folder / "status",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    for action in (["update"], ["download", *packages]):
        _run(["apt-get", "-q", *options, *action], folder)
    return sorted(folder.glob("*.deb"))


def _run(command: Sequence[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=LIMIT_S)


def main(arguments: Sequence[str] | None = None) -> int:
    """Unpack; 0 where the packages are there in the end."""
    parser = argparse.ArgumentParser(description=__doc__, prog="debian.py")
    parser.add_argument("name")
    parser.add_argument("packages", nargs="+", metavar="PACKAGE")
    parser.add_argument("--release", default="bookworm")
    options = parser.parse_args(arguments)
    return 0 if get(options.name, options.packages, options.release) else 1


if __name__ == "__main__":
    sys.exit(main())
