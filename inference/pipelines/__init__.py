"""Which pipeline does which task: one row each."""

from collections.abc import Awaitable, Callable
from typing import Any

from inference.picture import Picture
from inference.pipelines.image_upload import image_upload
from inference.pipelines.remove_background import remove_background
from inference.tools import Alpha, Tools
from protocol.tasks import ImageBackgroundRemoval, ImageUpload, RemoveBackground

Pipeline = Callable[[Any, Picture, Tools], Awaitable[Picture | Alpha]]

PIPELINES: dict[type, Pipeline] = {
    ImageUpload: image_upload,
    RemoveBackground: remove_background,
    ImageBackgroundRemoval: remove_background,
}

__all__ = ["PIPELINES", "Pipeline"]
