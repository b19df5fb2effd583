"""Where do model files lie, and are they what their rows say?"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from inference.models.row import Row
from protocol.errors import ModelUnavailable

WEIGHTS = Path(__file__).parents[1] / "weights"
_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Folders:
    """The folder that pulls write to, and those that are only read, in the order of searching."""

    writable: Path
    read_only: tuple[Path, ...] = ()
    packaged: Path = WEIGHTS

    def find(self, row: Row) -> Path | None:
        """Return the row's file, or None where this machine has none."""
        places = [self.target(row)]
        if not row.is_packaged:
            places += [folder / row.file for folder in self.read_only]
        return next((place for place in places if place.is_file()), None)

    def target(self, row: Row) -> Path:
        """Return where the row's file belongs; an absolute `file` stays where it is."""
        return (self.packaged if row.is_packaged else self.writable) / row.file


def default_directory(environment: dict[str, str]) -> str:
    """Return the XDG cache folder for models, for the settings loader to fill in."""
    cache = environment.get("XDG_CACHE_HOME", "")
    return str(Path(cache if Path(cache).is_absolute() else "~/.cache") / "cutwire" / "models")


def check_file(path: Path, row: Row) -> str:
    """Raise ModelUnavailable unless the file has the known checksums; return its sha256.

    Known are the row's own and the one recorded beside the file when it was pulled or built.
    """
    recorded = _recorded_sha256(path)
    if row.is_packaged and not recorded:
        raise ModelUnavailable(
            f"Model '{row.name}' came without its checksum; {remedy(row)}",
            detail=f"no checksum beside {path}",
        )
    found = checksums(path)
    trouble = _difference(found, row) or _difference(found, replace(row, sha256=recorded))
    if trouble:
        raise ModelUnavailable(
            f"Model '{row.name}' does not match its checksum; {remedy(row)}",
            detail=f"{path}: {trouble}",
        )
    return found["sha256"]


def part_trouble(part: Path, row: Row) -> str:
    """Say which of the row's own checksums a download fails; nothing if none."""
    return _difference(checksums(part), row)


def remedy(row: Row) -> str:
    """Say how the row's file gets onto this machine."""
    if row.can_be_pulled:
        return f"pull it: cutwire models pull {row.name}"
    if row.is_packaged:
        return "install the service again."
    return f"put its file '{Path(row.file).name}' into the models directory."


def checksums(path: Path) -> dict[str, str]:
    """Read the file once and return its sha256 and md5 as lower-case hex."""
    digests = {"sha256": hashlib.sha256(), "md5": hashlib.md5(usedforsecurity=False)}
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            for digest in digests.values():
                digest.update(chunk)
    return {kind: digest.hexdigest() for kind, digest in digests.items()}


def record_sha256(path: Path, target: Path) -> None:
    """Write the sha256 of the file at `path` beside `target`, in sha256sum's form."""
    note = _notes(target)[0]
    draft = note.with_name(f"{note.name}.new")
    draft.write_text(f"{checksums(path)['sha256']}  {target.name}\n")
    draft.replace(note)


def place(part: Path, target: Path) -> None:
    """Move a finished file to its place: durable, and all or nothing."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def exclusive(target: Path) -> Iterator[None]:
    """Wait until nobody else works on this file; the lock dies with its process."""
    import fcntl

    with target.with_name(f".{target.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _difference(found: dict[str, str], row: Row) -> str:
    for kind, wanted in (("sha256", row.sha256), ("md5", row.md5)):
        if wanted and found[kind] != wanted.lower():
            return f"{kind} is {found[kind]}, should be {wanted}"
    return ""


def _recorded_sha256(path: Path) -> str:
    for note in _notes(path):
        with contextlib.suppress(FileNotFoundError):
            return (note.read_text().split() or ["the note is empty"])[0]
    return ""


def _notes(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}.sha256"), path.with_suffix(".sha256")
