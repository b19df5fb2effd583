"""Cut out the subject: `imageBackgroundRemoval` and `removeBackground`, the same task twice."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import ClassVar

from msgspec import UNSET, UnsetType

from protocol.errors import Constraint, InvalidParameter
from protocol.names import wire_name
from protocol.tasks.common import Colour, PictureTask, Threshold

_SETTINGS = (
    "rgba",
    "postProcessMask",
    "returnOnlyMask",
    "alphaMatting",
    "alphaMattingForegroundThreshold",
    "alphaMattingBackgroundThreshold",
    "alphaMattingErodeSize",
)


class RemoveBackground(
    PictureTask,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    omit_defaults=True,
    tag="removeBackground",
):
    """Cut out the subject, or return its mask (white is the subject)."""

    GROUPS: ClassVar[dict[str, dict[str, str]]] = {
        **PictureTask.GROUPS,
        "settings": {name: name for name in _SETTINGS},
    }

    rgba: Colour | UnsetType = UNSET
    post_process_mask: bool = False
    return_only_mask: bool = False
    alpha_matting: bool = False
    alpha_matting_foreground_threshold: Threshold = 240
    alpha_matting_background_threshold: Threshold = 10
    alpha_matting_erode_size: Threshold = 10

    def check(self, sent: AbstractSet[str]) -> None:
        """Refuse thresholds that leave no room between background and foreground."""
        super().check(sent)
        foreground = self.alpha_matting_foreground_threshold
        background = self.alpha_matting_background_threshold
        if background < foreground:
            return
        name = "alphaMattingBackgroundThreshold"
        allowed = Constraint(type="integer", min=1, max=foreground - 1, default=10)
        if "alphaMattingForegroundThreshold" in sent and name not in sent:
            name = "alphaMattingForegroundThreshold"
            allowed = Constraint(type="integer", min=background + 1, max=255, default=240)
        raise InvalidParameter(
            f"alphaMattingBackgroundThreshold ({background}) must be below "
            f"alphaMattingForegroundThreshold ({foreground}).",
            parameter=name,
            constraint=allowed,
        )


class ImageBackgroundRemoval(
    RemoveBackground,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    omit_defaults=True,
    tag="imageBackgroundRemoval",
):
    """The older name of the same task."""
