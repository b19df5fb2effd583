"""How does a picture become a model's input, and a model's output a mask, a fill or scores?

Items have no batch dimension: the batcher stacks them. All functions are pure and release the
GIL for the larger part of their time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.kernels.resizing import resize
from inference.models.row import Row
from inference.steps.resize import average_rgb
from protocol.errors import InferenceFailed

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

# Less contrast than this is no prediction: stretching it would make a subject out of noise.
_FLAT = 1e-6


def to_input(rgb: Bytes, row: Row) -> NDArray[Any]:
    """Return one input item for an H×W×3 picture, resized and normalised as the row says."""
    pixels = _resize(rgb, row)
    if row.colour == "BGR":
        pixels = pixels[:, :, ::-1]
    planes: NDArray[Any] = pixels.transpose(2, 0, 1)
    if row.dtype != "uint8":
        planes = _normalise(planes, row)
    return np.ascontiguousarray(planes if row.layout == "NCHW" else planes.transpose(1, 2, 0))


def to_mask(output: NDArray[Any], row: Row) -> Floats:
    """Return the subject's alpha in 0…1 at the model's own size, from one output item."""
    raw = _plane(output)
    mask: Floats = _sigmoid(raw) if row.activation == "sigmoid" else raw
    if row.is_rembg_exact:
        # rembg stretches every prediction, then truncates to bytes.
        return (_stretch(mask) * 255).astype(np.uint8).astype(np.float32) / np.float32(255)
    if row.activation == "min-max":
        return _stretch(mask)
    return mask.clip(0, 1)


def enlarge_as_rembg(mask: Floats, size: tuple[int, int]) -> Bytes:
    """Return the mask at the picture's (width, height), as rembg enlarges it: bytes, Lanczos."""
    return resize(np.rint(mask * 255).astype(np.uint8), *size, "lanczos")


def to_fill_input(rgb: Bytes, hole: NDArray[np.bool_], row: Row) -> NDArray[Any]:
    """Return one 4×h×w item, colours and mask, for an inpainting row; `hole` is true where to fill.

    A pixel of the smaller picture belongs to the hole if any pixel under it does.
    """
    touched = resize(hole.astype(np.uint8) * np.uint8(255), *_size(row), "box") > 0
    marked = touched if row.hole == "white" else ~touched
    colours = to_input(rgb, row)
    full = 255 if row.dtype == "uint8" else 1
    return np.concatenate([colours, (marked * full).astype(colours.dtype)[None]])


def to_fill(output: NDArray[Any], row: Row) -> Bytes:
    """Return the h×w×3 picture that an inpainting model painted."""
    _check_finite(output)
    scaled = np.asarray(output, np.float32) * np.float32(255 / row.output_maximum)
    pixels = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    pixels = pixels.transpose(1, 2, 0) if row.layout == "NCHW" else pixels
    return np.ascontiguousarray(pixels[:, :, ::-1] if row.colour == "BGR" else pixels)


def to_scores(output: NDArray[Any], row: Row) -> dict[str, float]:
    """Return a classifier's score for each of its labels."""
    _check_finite(output)
    scores = output.ravel()
    if row.activation == "sigmoid":
        scores = _sigmoid(scores)
    if scores.size != len(row.labels):
        raise InferenceFailed(
            "The model answered in a form we do not know.",
            detail=f"{row.name}: {scores.size} scores for {len(row.labels)} labels",
        )
    return dict(zip(row.labels, (float(score) for score in scores), strict=True))


def _resize(rgb: Bytes, row: Row) -> Bytes:
    width, height = _size(row)
    how = "lanczos" if row.is_rembg_exact else row.resize
    if how == "area":
        return average_rgb(rgb, width, height)
    return resize(rgb, width, height, how)


def _normalise(planes: Bytes, row: Row) -> Floats:
    """Look up what the network takes for each byte: there are but 256 of them."""
    normal = np.empty(planes.shape, np.float32)
    for plane, numbers, into in zip(planes, _numbers(planes, row), normal, strict=True):
        np.take(numbers, plane, out=into, mode="clip")
    return normal


def _numbers(planes: Bytes, row: Row) -> Floats:
    """Return 3×256: what the network takes for each byte of each band."""
    levels, bright = np.arange(256, dtype=np.uint8), max(float(planes.max()), 1e-6)
    mean, deviation = np.array(row.mean)[:, np.newaxis], np.array(row.deviation)[:, np.newaxis]
    if row.is_rembg_exact:  # in double precision and rembg's order, the same to the last bit
        return np.asarray((levels / bright - mean) / deviation, np.float32)
    whole = {"none": 1.0, "255": 255.0, "maximum": bright}[row.scaling]
    gain, shift = np.float32(1.0 / (whole * deviation)), np.float32(mean / deviation)
    return np.asarray(levels * gain - shift, np.float32)


def _size(row: Row) -> tuple[int, int]:
    if row.size is None:
        raise ValueError(f"the size of '{row.name}' is known only once its file is open")
    return row.size


def _plane(output: NDArray[Any]) -> Floats:
    _check_finite(output)
    plane = np.asarray(output, np.float32).squeeze()
    if plane.ndim != 2:
        raise InferenceFailed(
            "The model answered in a form we do not know.", detail=f"shape {output.shape}"
        )
    return plane


def _check_finite(output: NDArray[Any]) -> None:
    if not np.isfinite(output).all():
        raise InferenceFailed("The model returned no usable numbers.", detail="not finite")


def _stretch(plane: Floats) -> Floats:
    low, high = plane.min(), plane.max()
    if high - low < _FLAT:
        return plane.clip(0, 1)
    stretched: Floats = (plane - low) / (high - low)
    return stretched


def _sigmoid(logits: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
