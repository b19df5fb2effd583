"""Which pipeline does which task: one row each."""

from collections.abc import Awaitable, Callable
from typing import Any

from inference.picture import Picture
from inference.pipelines.image_background_blur import image_background_blur
from inference.pipelines.image_erase import image_erase
from inference.pipelines.image_foreground_crop import image_foreground_crop
from inference.pipelines.image_masking import image_masking
from inference.pipelines.image_product_cutout import image_product_cutout
from inference.pipelines.image_upload import image_upload
from inference.pipelines.remove_background import remove_background
from inference.steps.regions import Regions
from inference.tools import Alpha
from protocol.tasks import (
    ImageBackgroundBlur,
    ImageBackgroundRemoval,
    ImageErase,
    ImageForegroundCrop,
    ImageMasking,
    ImageProductCutout,
    ImageUpload,
    RemoveBackground,
)

Rendered = Picture | Alpha | Regions
Pipeline = Callable[..., Awaitable[Any]]
"""(task, a picture for each of its image fields, tools) → Rendered."""

PIPELINES: dict[type, Pipeline] = {
    ImageUpload: image_upload,
    RemoveBackground: remove_background,
    ImageBackgroundRemoval: remove_background,
    ImageForegroundCrop: image_foreground_crop,
    ImageProductCutout: image_product_cutout,
    ImageBackgroundBlur: image_background_blur,
    ImageErase: image_erase,
    ImageMasking: image_masking,
}

__all__ = ["PIPELINES", "Pipeline", "Rendered"]
