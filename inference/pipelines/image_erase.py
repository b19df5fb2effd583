"""Remove what a mask shows and fill the place from its surroundings."""

from __future__ import annotations

from inference.picture import Picture
from inference.steps.holes import make_hole, write_hole
from inference.tools import Tools
from protocol.tasks import ImageErase


async def image_erase(task: ImageErase, picture: Picture, mask: Picture, tools: Tools) -> Picture:
    """Fill the hole; every pixel outside it stays as it is."""
    hole = await tools.cpu(make_hole, picture, mask, task.mask_type == "manual")
    if hole is None:
        filled = picture.rgb
    else:
        painted = await tools.inpaint(picture.rgb, hole)
        filled = await tools.cpu(write_hole, picture.rgb, hole, painted)
    return Picture(filled, picture.alpha if task.preserve_alpha else None)
