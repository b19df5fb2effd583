"""Remove what a mask shows and fill the place: `imageErase`."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import msgspec

from protocol.names import wire_name
from protocol.tasks.common import Image, PictureTask

MaskType = Literal["manual", "automatic"]


class ImageErase(
    PictureTask,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    omit_defaults=True,
    tag="imageErase",
):
    """Fill what is white in the mask; every other pixel stays as it is."""

    GROUPS: ClassVar[dict[str, dict[str, str]]] = {
        "inputs": {"image": "inputImage", "mask": "maskImage"},
        "settings": {name: name for name in ("maskType", "preserveAlpha")},
    }

    MODEL_KIND: ClassVar[Literal["segment", "inpaint"]] = "inpaint"

    mask_image: Image
    mask_type: MaskType = "manual"
    """`manual`: drawn by hand, so what lies just outside it may belong to the object too."""
    preserve_alpha: bool = True

    def image_fields(self) -> dict[str, str]:
        """Wire name → value of both images."""
        return {"inputImage": self.input_image, "maskImage": self.mask_image}

    def without_images(self) -> Self:
        """The same task with its image fields emptied: what a job carries."""
        return msgspec.structs.replace(self, input_image="", mask_image="")
