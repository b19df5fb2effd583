"""Find all masks: the subject's parts, what crops of it show, what colours set apart."""

from __future__ import annotations

import numpy as np

from inference.picture import Picture
from inference.steps.compose import flatten
from inference.steps.mask import Box
from inference.steps.regions import Regions, RegionWishes, View, crops, find_regions
from inference.tools import Tools
from protocol.tasks import ImageMasking


async def image_masking(task: ImageMasking, picture: Picture, tools: Tools) -> Regions:
    """Look for subjects in the whole picture and in parts of it, and for regions; keep the best."""
    opaque = await tools.cpu(flatten, picture)
    whole = Box(0, 0, picture.width, picture.height)
    views = [View(whole, await tools.segment(opaque))]
    for box in crops(picture.width, picture.height):
        part = await tools.cpu(_cropped, opaque, box)
        views.append(View(box, await tools.segment(part)))
    wishes = RegionWishes(
        most=task.max_detections,
        confidence=task.confidence,
        padding=task.mask_padding,
        blur=task.mask_blur,
    )
    return await tools.cpu(find_regions, opaque.rgb, views, wishes, tools.check_deadline)


def _cropped(picture: Picture, box: Box) -> Picture:
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    return Picture(np.ascontiguousarray(picture.rgb[rows, columns]))
