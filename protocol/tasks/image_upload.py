"""Store a picture for later tasks: `imageUpload`."""

from __future__ import annotations

from typing import Self

import msgspec

from protocol.names import wire_name
from protocol.tasks.common import Image, Task


class ImageUpload(
    Task,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    omit_defaults=True,
    tag="imageUpload",
):
    """Store a picture at full size and answer with its UUID and URL."""

    image: Image

    def image_fields(self) -> dict[str, str]:
        """Wire name → value of the image that the task brings."""
        return {"image": self.image}

    def without_images(self) -> Self:
        """The same task with its image field emptied: what a job carries."""
        return msgspec.structs.replace(self, image="")
