"""How much of the machine does a task take? In units of a plain cut-out of 1 MP.

The numbers are CPU time beside each other (benchmarks/results/): tenants share the machine by
them, so a factor of two matters, a tenth does not.
"""

from __future__ import annotations

from protocol.tasks import ImageErase, ImageUpload, JobTask, RemoveBackground

USUAL_PIXELS = 1_000_000
"""Of a picture that has not been seen yet: it lies behind a URL."""

USUAL = (0.7, 0.3)
"""Units of a task, and of each megapixel."""
SPECIAL: dict[type[JobTask], tuple[float, float]] = {
    ImageUpload: (0.05, 0.15),
    ImageErase: (0.2, 1.3),
}
MATTING = 4.0


def cost_units(task: JobTask, pixels: int) -> float:
    """Weigh a task by its type and its picture's pixels; 0 pixels: not known."""
    megapixels = (pixels or USUAL_PIXELS) / 1e6
    base, rate = SPECIAL.get(type(task), USUAL)
    if isinstance(task, RemoveBackground) and task.alpha_matting:
        rate += MATTING
    return base + rate * megapixels
