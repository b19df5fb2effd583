"""Cut out the subject and crop tightly round it: `imageForegroundCrop`."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from protocol.names import wire_name
from protocol.tasks.common import PictureTask

MAX_PADDING = 4096

Padding = Annotated[int, Meta(ge=0, le=MAX_PADDING)]


class ImageForegroundCrop(
    PictureTask,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    omit_defaults=True,
    tag="imageForegroundCrop",
):
    """The cut-out, as large as what is visible of it and `padding` pixels on each side."""

    GROUPS: ClassVar[dict[str, dict[str, str]]] = {
        **PictureTask.GROUPS,
        "settings": {
            name: name for name in ("padding", "forceBackgroundDetection", "preserveAlpha")
        },
    }

    padding: Padding = 0
    force_background_detection: bool = False
    """Whether to look for the subject although the picture has an alpha of its own."""
    preserve_alpha: bool = True
