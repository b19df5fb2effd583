"""Which pictures are refused where a client asks for moderation?"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Score = Annotated[float, msgspec.Meta(gt=0, le=1)]


class ModerationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The provider of moderation, and from which score on each class is refused.

    `onnx-classifier` runs `model`, a row of the catalogue with labels. `nudenet` runs the detector
    of the package of that name (its licence is the AGPL: your choice, never a dependency), which
    must be installed without its dependencies: `pip install --no-deps nudenet`.
    """

    provider: Literal["none", "onnx-classifier", "nudenet"] = "none"
    """As above; `none`: tasks that ask for moderation are refused."""
    model: str = "nsfwjs"
    """The row of the catalogue that `onnx-classifier` runs."""
    thresholds: dict[str, Score] = msgspec.field(default_factory=dict)
    """Class → score, both as the provider has them; a class without one is never refused.

    Empty: the service's own, which exist for nsfwjs and nudenet alone.
    """


KNOWN_THRESHOLDS: dict[str, dict[str, float]] = {
    "nsfwjs": {"Hentai": 0.6, "Porn": 0.6, "Sexy": 0.8},
    "nudenet": {
        "ANUS_EXPOSED": 0.4,
        "BUTTOCKS_EXPOSED": 0.5,
        "FEMALE_BREAST_EXPOSED": 0.4,
        "FEMALE_GENITALIA_EXPOSED": 0.4,
        "MALE_GENITALIA_EXPOSED": 0.4,
    },
}
