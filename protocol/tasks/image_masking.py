"""All masks of a picture, to pick from and to erase with: `imageMasking`."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from protocol.names import wire_name
from protocol.tasks.common import PictureTask

Detections = Annotated[int, Meta(ge=1, le=20)]
Confidence = Annotated[float, Meta(ge=0, le=1)]
MaskPadding = Annotated[int, Meta(ge=-40, le=40)]
MaskBlur = Annotated[int, Meta(ge=0, le=20)]


class ImageMasking(
    PictureTask,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    omit_defaults=True,
    tag="imageMasking",
):
    """One grey picture, white where any region was found, and a list of the regions."""

    GROUPS: ClassVar[dict[str, dict[str, str]]] = {
        **PictureTask.GROUPS,
        "settings": {
            name: name for name in ("maxDetections", "confidence", "maskPadding", "maskBlur")
        },
    }

    max_detections: Detections = 6
    confidence: Confidence = 0.25
    """Regions that are less sure than this are left out."""
    mask_padding: MaskPadding = 4
    """Pixels by which each region grows; negative: shrinks."""
    mask_blur: MaskBlur = 4
    """Pixels over which its edge is softened; 0: black and white alone."""
