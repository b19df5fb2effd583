"""Which pictures the demo cuts out: the user's own, or photographs that scikit-image packages."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import CutwireError

SAMPLES = {"cat": "chelsea.png", "astronaut": "astronaut.png", "cup": "coffee.png"}


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture to send: its name and its bytes."""

    name: str
    data: bytes


def own_photos(paths: list[Path]) -> list[Photo]:
    """Read the user's pictures."""
    return [Photo(path.stem, _read(path)) for path in paths]


def sample_photos() -> list[Photo]:
    """Read the cat, the astronaut and the cup."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise CutwireError(
            "The demo's photographs come with scikit-image: pip install 'cutwire[demo]', "
            "or give pictures of your own: cutwire demo photo.jpg"
        )
    folder = Path(package.origin).parent / "data"
    return [Photo(name, _read(folder / file)) for name, file in SAMPLES.items()]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise CutwireError(f"{path} cannot be read: {exc.strerror}.") from exc
