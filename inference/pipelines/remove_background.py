"""Cut out the subject, or return its mask."""

from __future__ import annotations

from msgspec import UNSET

from inference.picture import Picture
from inference.steps.compose import cut_out, flatten, multiply_alpha, paint_behind
from inference.steps.mask import refine_mask
from inference.steps.trimap import make_trimap
from inference.tools import Alpha, Tools
from protocol.tasks import RemoveBackground

WHITE = (255, 255, 255)


async def remove_background(
    task: RemoveBackground, picture: Picture, tools: Tools
) -> Picture | Alpha:
    """Segment, refine where asked, and cut out with true foreground colours."""
    opaque = await tools.cpu(flatten, picture, WHITE)
    alpha = await tools.segment(opaque)
    if task.post_process_mask:
        alpha = await tools.cpu(refine_mask, alpha)
    if task.alpha_matting:
        trimap = await tools.cpu(_trimap, task, alpha)
        alpha = await tools.matte(opaque.rgb, trimap, alpha)
    if picture.alpha is not None:
        alpha = await tools.cpu(multiply_alpha, alpha, picture.alpha)
    if task.return_only_mask:
        return alpha
    if task.rgba is not UNSET:
        return await tools.cpu(paint_behind, picture, alpha, _in_bytes(task.rgba))
    return await tools.cpu(cut_out, picture, alpha)


def _in_bytes(rgba: tuple[int, int, int, float]) -> tuple[int, int, int, int]:
    """Bring the alpha to 0…255: up to 1 it is a fraction, above it counts as it is."""
    red, green, blue, alpha = rgba
    return red, green, blue, round(alpha if alpha > 1 else alpha * 255)


def _trimap(task: RemoveBackground, mask: Alpha) -> Alpha:
    return make_trimap(
        mask,
        task.alpha_matting_foreground_threshold,
        task.alpha_matting_background_threshold,
        task.alpha_matting_erode_size,
    )
