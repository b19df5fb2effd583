"""Which pictures the demo cuts out: the user's own, or photographs that scikit-image packages."""

from __future__ import annotations

import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from protocol.errors import CutwireError

SAMPLES = {"cat": "chelsea.png", "astronaut": "astronaut.png", "cup": "coffee.png"}
MIDDLE = (0.4, 0.4, 0.6, 0.6)
HOLES = {
    "cat": (0.32, 0.3, 0.45, 0.52),
    "astronaut": (0.22, 0.62, 0.44, 0.84),
    "cup": (0.52, 0.58, 0.72, 0.88),
}
"""What is erased from each sample, in shares of its sides: an eye, the badge, the spoon."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture to send: its name and its bytes."""

    name: str
    data: bytes
    hole: bytes
    """A mask of the same size, white where the demo erases."""


def own_photos(paths: list[Path]) -> list[Photo]:
    """Read the user's pictures."""
    return [_photo(path.stem, path) for path in paths]


def sample_photos() -> list[Photo]:
    """Read the cat, the astronaut and the cup."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise CutwireError(
            "The demo's photographs come with scikit-image: pip install 'cutwire[demo]', "
            "or give pictures of your own: cutwire demo photo.jpg"
        )
    folder = Path(package.origin).parent / "data"
    return [_photo(name, folder / file) for name, file in SAMPLES.items()]


def _photo(name: str, path: Path) -> Photo:
    data = _read(path)
    left, top, right, bottom = HOLES.get(name, MIDDLE)
    try:
        with Image.open(io.BytesIO(data)) as opened:
            width, height = ImageOps.exif_transpose(opened).size
    except OSError as exc:
        raise CutwireError(f"{path} is no picture.") from exc
    hole = Image.new("L", (width, height))
    ImageDraw.Draw(hole).ellipse(
        (left * width, top * height, right * width, bottom * height), fill=255
    )
    out = io.BytesIO()
    hole.save(out, "PNG")
    return Photo(name, data, out.getvalue())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise CutwireError(f"{path} cannot be read: {exc.strerror}.") from exc
