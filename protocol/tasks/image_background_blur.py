"""Keep the subject and blur what is behind it: `imageBackgroundBlur`."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from protocol.names import wire_name
from protocol.tasks.common import PictureTask

BlurScale = Annotated[int, Meta(ge=1, le=5)]


class ImageBackgroundBlur(
    PictureTask,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    omit_defaults=True,
    tag="imageBackgroundBlur",
):
    """The picture at its own size with a blurred background; 5 is the strongest."""

    GROUPS: ClassVar[dict[str, dict[str, str]]] = {
        **PictureTask.GROUPS,
        "settings": {name: name for name in ("scale", "preserveAlpha")},
    }

    scale: BlurScale = 5
    preserve_alpha: bool = True
