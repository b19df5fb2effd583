"""What is a model: one row of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

Task = Literal["segment", "inpaint", "classify"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model: where its file comes from, what goes in, what comes out.

    `file` is a name in the models directory or the absolute path of a user's own ONNX. A row
    without `url` cannot be pulled. Where `size` (width, height) is absent, the file's own input
    shape says it. `hole` is the colour of the hole in an inpainting model's mask.
    """

    name: str
    task: Task
    file: str
    url: str = ""
    sha256: str = ""
    md5: str = ""
    file_bytes: int = 0
    licence: str = ""
    is_commercial: bool = True
    is_packaged: bool = False

    layout: Literal["NCHW", "NHWC"] = "NCHW"
    dtype: Literal["float32", "uint8"] = "float32"
    size: tuple[int, int] | None = None
    colour: Literal["RGB", "BGR"] = "RGB"
    scaling: Literal["none", "255", "maximum"] = "255"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resize: Literal["area", "bilinear", "bicubic", "lanczos"] = "area"
    hole: Literal["white", "black"] = "white"

    output: int = 0
    output_maximum: float = 1.0
    activation: Literal["none", "sigmoid", "min-max"] = "none"
    labels: tuple[str, ...] = ()

    is_fixed_batch: bool = False
    is_rembg_exact: bool = False
    memory_bytes: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be a row."""
        file = Path(self.file)
        if not self.name or not self.file:
            raise ValueError("a model row needs a name and a file")
        if not file.is_absolute() and file.name != self.file:
            raise ValueError(
                f"model '{self.name}': 'file' must be a plain file name or an absolute path"
            )
        if 0.0 in self.deviation:
            raise ValueError(f"model '{self.name}': 'deviation' must not be 0")
        if self.task == "classify" and not self.labels:
            raise ValueError(f"model '{self.name}': a classifier needs 'labels'")

    @property
    def can_be_pulled(self) -> bool:
        """Whether a public address is known."""
        return bool(self.url)
