"""How much of the machine does a task take? In units of a plain cut-out of 1 MP.

The numbers are CPU time beside each other (benchmarks/results/): tenants share the machine by
them, so a factor of two matters, a tenth does not.
"""

from __future__ import annotations

from protocol.tasks import ImageErase, ImageUpload, JobTask, RemoveBackground

USUAL_PIXELS = 1_000_000
"""Of a picture that has not been seen yet: it lies behind a URL."""


def cost_units(task: JobTask, pixels: int) -> float:
    """Weigh a task by its type and its picture's pixels; 0 pixels: not known."""
    megapixels = (pixels or USUAL_PIXELS) / 1e6
    if isinstance(task, ImageUpload):
        return 0.05 + 0.15 * megapixels
    if isinstance(task, ImageErase):
        return 0.2 + 1.3 * megapixels
    units = 0.7 + 0.3 * megapixels
    if isinstance(task, RemoveBackground) and task.alpha_matting:
        units += 4.0 * megapixels
    return units
