"""Keep the subject and blur what is behind it."""

from __future__ import annotations

from functools import partial

from inference.picture import Picture
from inference.steps.blur import blur_background
from inference.steps.compose import flatten
from inference.tools import Tools
from protocol.tasks import ImageBackgroundBlur


async def image_background_blur(
    task: ImageBackgroundBlur, picture: Picture, tools: Tools
) -> Picture:
    """Find the subject and lay it over its own ground, blurred; no subject: all is blurred."""
    opaque = await tools.cpu(flatten, picture)
    mask = await tools.segment(opaque)
    blur = partial(blur_background, preserve_alpha=task.preserve_alpha)
    return await tools.cpu(blur, picture, mask, task.scale)
