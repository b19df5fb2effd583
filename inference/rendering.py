"""What a pipeline made → the files that are stored: the picture, and the mask of each region."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import UNSET

from inference.coding import encode, encode_mask
from inference.picture import Picture
from inference.pipelines import Rendered
from inference.steps.compose import flatten
from inference.steps.regions import Region, Regions
from inference.tools import Alpha
from protocol.tasks import ImageErase, JobTask, PictureTask, RemoveBackground

MEDIA_TYPES = {"PNG": "image/png", "JPG": "image/jpeg", "WEBP": "image/webp"}
WHITE = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A result's file, and for regions a PNG of each one's mask."""

    blob: bytes
    media_type: str
    width: int
    height: int
    masks: tuple[tuple[Region, bytes], ...] = ()


def encode_rendered(task: JobTask, rendered: Rendered) -> Encoded:
    """Encode in the format that the task asks for; a region's own mask is always PNG."""
    if isinstance(rendered, Regions):
        masks = tuple((region, encode_mask(rendered.mask(region))) for region in rendered.found)
        return _encode_mask(task, rendered.union(), masks)
    if not isinstance(rendered, Picture):
        return _encode_mask(task, rendered)
    wanted = task.output_format if isinstance(task, PictureTask) else "PNG"
    quality = task.output_quality if isinstance(task, PictureTask) else 95
    if wanted == "JPG":
        rendered = flatten(rendered, _ground(task))
    lossless = isinstance(task, ImageErase)
    blob = encode(rendered, format=wanted, quality=quality, lossless=lossless)
    return Encoded(blob, MEDIA_TYPES[wanted], rendered.width, rendered.height)


def _encode_mask(
    task: JobTask, mask: Alpha, masks: tuple[tuple[Region, bytes], ...] = ()
) -> Encoded:
    wanted = task.output_format if isinstance(task, PictureTask) else "PNG"
    quality = task.output_quality if isinstance(task, PictureTask) else 95
    blob = encode_mask(mask, format=wanted, quality=quality)
    return Encoded(blob, MEDIA_TYPES[wanted], mask.shape[1], mask.shape[0], masks)


def _ground(task: JobTask) -> tuple[int, int, int]:
    """The colour under a picture whose format has no alpha."""
    if isinstance(task, RemoveBackground) and task.rgba is not UNSET:
        return task.rgba[:3]
    return WHITE
