"""Cut out a product, tightly cropped; on a plain ground its thin parts are kept."""

from __future__ import annotations

from functools import partial

from inference.picture import Picture
from inference.steps.compose import combine_alpha, flatten, must_detect
from inference.steps.crop import clear_haze, crop_subject, trim
from inference.steps.thin_parts import keep_thin_parts
from inference.tools import Tools
from protocol.tasks import ImageProductCutout


async def image_product_cutout(task: ImageProductCutout, picture: Picture, tools: Tools) -> Picture:
    """Find the product where the picture's own alpha does not show it; crop to what is visible."""
    mask = None
    if must_detect(picture, force_background_detection=task.force_background_detection):
        picture = await tools.cpu(trim, picture)
        opaque = await tools.cpu(flatten, picture)
        mask = await tools.cpu(clear_haze, await tools.segment(opaque))
        mask = await tools.cpu(keep_thin_parts, opaque.rgb, mask)
    combine = partial(
        combine_alpha,
        force_background_detection=task.force_background_detection,
        preserve_alpha=task.preserve_alpha,
    )
    alpha = await tools.cpu(combine, picture, mask)
    return await tools.cpu(crop_subject, picture, alpha)
