"""Cut out a product, tightly cropped: `imageProductCutout`."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from protocol.names import wire_name
from protocol.tasks.common import PictureTask

StockKeepingUnit = Annotated[str, Meta(max_length=256)]


class ImageProductCutout(
    PictureTask,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    omit_defaults=True,
    tag="imageProductCutout",
):
    """The cut-out, as large as what is visible of it."""

    GROUPS: ClassVar[dict[str, dict[str, str]]] = {
        **PictureTask.GROUPS,
        "settings": {name: name for name in ("sku", "forceBackgroundDetection", "preserveAlpha")},
    }

    sku: StockKeepingUnit = ""
    """The caller's own number for the product; it changes nothing."""
    force_background_detection: bool = False
    """Whether to look for the product although the picture has an alpha of its own."""
    preserve_alpha: bool = True
