"""Which file becomes which: pictures found, outputs named, what is done already left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import CutwireError

PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
EXTENSIONS = {"PNG": ".png", "JPG": ".jpg", "WEBP": ".webp"}


@dataclass(frozen=True, slots=True)
class Piece:
    """One picture to work on, its mask where the task needs one, and where the result goes."""

    source: Path
    target: Path
    mask: Path | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and how many results are there already."""

    pieces: list[Piece]
    done: int


def make_plan(
    sources: Iterable[Path],
    out: Path,
    output_format: str,
    *,
    mask: Path | None = None,
    overwrites: bool = False,
) -> Plan:
    """Name the result of every picture; folders stand for the pictures in and below them.

    Raises:
        CutwireError: a file is not there, two results would have one name, or a result would
            replace its own picture.
    """
    takers: dict[Path, Path] = {}
    pieces = []
    for source, below in _pictures(sources):
        target = out / below.with_suffix(EXTENSIONS[output_format])
        if target.resolve() == source.resolve():
            raise CutwireError(f"{source} would be replaced by its own result; choose another -o.")
        other = takers.setdefault(target, source)
        if other != source:
            raise CutwireError(
                f"{other} and {source} would both become {target}; run them apart, each to a "
                "folder of its own."
            )
        if overwrites or not target.exists():
            pieces.append(Piece(source, target, _mask_of(source, mask)))
    if not takers:
        raise CutwireError("There is no picture to work on: JPEG, PNG and WEBP files are.")
    return Plan(pieces, done=len(takers) - len(pieces))


def _pictures(sources: Iterable[Path]) -> Iterable[tuple[Path, Path]]:
    """Yield each picture once, with its path below the folder that was named."""
    seen = set()
    for named in sources:
        if not named.exists():
            raise CutwireError(f"{named} is not there.")
        found = sorted(named.rglob("*")) if named.is_dir() else [named]
        root = named if named.is_dir() else named.parent
        for path in found:
            is_wanted = path == named or (path.is_file() and path.suffix.lower() in PICTURES)
            if is_wanted and path not in seen:
                seen.add(path)
                yield path, path.relative_to(root)


def _mask_of(source: Path, mask: Path | None) -> Path | None:
    if mask is None or mask.is_file():
        return mask
    if not mask.exists():
        raise CutwireError(f"{mask} is not there.")
    for suffix in (".png", ".jpg", ".jpeg", ".webp"):
        candidate = mask / f"{source.stem}{suffix}"
        if candidate.is_file():
            return candidate
    raise CutwireError(f"{mask} holds no mask for {source}: {source.stem}.png, .jpg or .webp.")
