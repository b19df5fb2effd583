"""Cut out the subject and crop tightly round it, with the padding that was asked for."""

from __future__ import annotations

from functools import partial

from inference.picture import Picture
from inference.steps.compose import combine_alpha, flatten, must_detect
from inference.steps.crop import clear_haze, crop_subject, trim
from inference.tools import Tools
from protocol.tasks import ImageForegroundCrop


async def image_foreground_crop(
    task: ImageForegroundCrop, picture: Picture, tools: Tools
) -> Picture:
    """Find the subject where the picture's own alpha does not show it; crop to what is visible."""
    mask = None
    if must_detect(picture, force_background_detection=task.force_background_detection):
        picture = await tools.cpu(trim, picture)
        opaque = await tools.cpu(flatten, picture)
        mask = await tools.cpu(clear_haze, await tools.segment(opaque))
    combine = partial(
        combine_alpha,
        force_background_detection=task.force_background_detection,
        preserve_alpha=task.preserve_alpha,
    )
    alpha = await tools.cpu(combine, picture, mask)
    return await tools.cpu(crop_subject, picture, alpha, task.padding)
