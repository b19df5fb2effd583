"""Put nats-server into .tools/nats/: Debian's packages, unpacked, without root.

python scripts/install_nats.py [--version 2.9] [--into DIR]

Two are wanted: the newer one, which is what production should be near to, and the older one, whose
features the engine keeps to. Each comes from its Debian release through apt, or from the release's
package index where this machine's apt does not know it. Where neither can be had this says so and
exits with 1; the tests that need a server are skipped then.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
RELEASES = {"2.10": "trixie", "2.9": "bookworm"}
"""Version of the server → Debian release that has it."""
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LIMIT_S = 180


def main(arguments: list[str] | None = None) -> int:
    """Install what is missing; 0 where at least one server is there."""
    parser = argparse.ArgumentParser(description=__doc__, prog="install_nats.py")
    parser.add_argument("--version", choices=sorted(RELEASES), action="append")
    parser.add_argument("--into", type=Path, default=ROOT / ".tools" / "nats")
    options = parser.parse_args(arguments)
    found = [install(version, options.into) for version in options.version or RELEASES]
    return 0 if any(found) else 1


def install(version: str, into: Path) -> bool:
    """Make DIR/VERSION/nats-server; say where it is, or why it is not."""
    target = into / version / "nats-server"
    if not target.exists():
        try:
            with tempfile.TemporaryDirectory(prefix="nats-server-") as name:
                _unpack(_download(RELEASES[version], Path(name)), target)
        except (OSError, subprocess.SubprocessError) as exc:
            said = getattr(exc, "stderr", "") or str(exc)
            print(f"nats-server {version}: cannot be had here: {said.strip()[-300:]}")
            return False
    print(f"nats-server {version}: {target}")
    return True


def _download(release: str, folder: Path) -> Path:
    """Get the package of a release, with a package index of our own."""
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
    for action in (["update"], ["download", "nats-server"]):
        subprocess.run(
            ["apt-get", "-q", *options, *action],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    return next(folder.glob("nats-server_*.deb"))


def _unpack(package: Path, target: Path) -> None:
    files = package.with_suffix("")
    subprocess.run(["dpkg-deb", "-x", package, files], check=True, timeout=LIMIT_S)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(".new")
    shutil.copy2(files / "usr" / "sbin" / "nats-server", aside)
    aside.replace(target)


if __name__ == "__main__":
    sys.exit(main())
