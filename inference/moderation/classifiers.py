"""What does the configured provider run, and how are its answers read?"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.models import Catalogue, Row
from inference.models.tensors import Bytes, to_input, to_scores
from inference.moderation.settings import KNOWN_THRESHOLDS, ModerationSettings
from protocol.errors import InferenceFailed, ModelUnavailable

_BOX_NUMBERS = 4
"""In front of each box's scores: its centre and its sides."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """One model that scores pictures by class, and the scores from which on it refuses."""

    row: Row
    thresholds: Mapping[str, float]
    prepare: Callable[[Bytes, Row], NDArray[Any]]
    read: Callable[[NDArray[Any], Row], dict[str, float]]

    def refused(self, output: NDArray[Any]) -> dict[str, float]:
        """Return the scores that are at or over their threshold."""
        scores = self.read(output, self.row)
        return {
            name: scores[name] for name, least in self.thresholds.items() if scores[name] >= least
        }


def choose_classifier(settings: ModerationSettings, catalogue: Catalogue) -> Classifier | None:
    """Return what the settings ask for, checked, or None where no moderation is configured.

    Raises:
        ModelUnavailable: the model is not on this machine, or the thresholds do not suit it.
    """
    if settings.provider == "none":
        return None
    if settings.provider == "nudenet":
        row = _nudenet_row()
        return Classifier(row, _thresholds(settings, row), _to_square_input, _best_scores)
    row = _classifier_row(settings, catalogue)
    catalogue.check(row)
    return Classifier(row, _thresholds(settings, row), to_input, to_scores)


def _classifier_row(settings: ModerationSettings, catalogue: Catalogue) -> Row:
    row = catalogue.named(settings.model)
    if row.task != "classify":
        names = ", ".join(other.name for other in catalogue.rows("classify"))
        raise ModelUnavailable(
            f"The setting moderation.model is '{settings.model}', which is no classifier; "
            f"allowed: {names}."
        )
    return row


def _nudenet_row() -> Row:
    found = importlib.util.find_spec("nudenet")
    folders = list(found.submodule_search_locations or ()) if found else []
    files = [file for folder in folders for file in Path(folder).glob("320n.onnx")]
    if not files:
        raise ModelUnavailable(
            "The setting moderation.provider is 'nudenet', which is not installed here; "
            "pip install --no-deps 'nudenet>=3.4.2,<4', and mind its licence (AGPL-3.0)."
        )
    return Row(
        name="nudenet",
        task="classify",
        file=str(files[0].absolute()),
        licence="AGPL-3.0",
        size=(320, 320),
        resize="bilinear",
        labels=_NUDENET_LABELS,
        memory_bytes=200 * 2**20,
    )


def _thresholds(settings: ModerationSettings, row: Row) -> dict[str, float]:
    chosen = dict(settings.thresholds) or KNOWN_THRESHOLDS.get(row.name, {})
    labels = ", ".join(row.labels)
    if not chosen:
        raise ModelUnavailable(
            f"The setting moderation.thresholds is empty, and the service knows none for "
            f"'{row.name}'; give a score to each class that is to be refused, of: {labels}."
        )
    for name in chosen:
        if name not in row.labels:
            raise ModelUnavailable(
                f"The setting moderation.thresholds names '{name}', which is no class of "
                f"'{row.name}'; allowed: {labels}."
            )
    return chosen


def _to_square_input(rgb: Bytes, row: Row) -> NDArray[Any]:
    """As nudenet wants it: black to the right and below, up to a square."""
    height, width = rgb.shape[:2]
    side = max(height, width)
    square = np.pad(rgb, ((0, side - height), (0, side - width), (0, 0)))
    return to_input(square, row)


def _best_scores(output: NDArray[Any], row: Row) -> dict[str, float]:
    """Each class's best score over all boxes of a detector's output (4 + classes) × boxes."""
    if output.ndim != 2 or output.shape[0] != _BOX_NUMBERS + len(row.labels):
        raise InferenceFailed(
            "The model answered in a form we do not know.", detail=f"shape {output.shape}"
        )
    best = output[_BOX_NUMBERS:].max(axis=1)
    if not np.isfinite(best).all():
        raise InferenceFailed("The model returned no usable numbers.", detail="not finite")
    return dict(zip(row.labels, (float(score) for score in best), strict=True))


# In the order of the detector's output.
_NUDENET_LABELS = (
    "FEMALE_GENITALIA_COVERED",
    "FACE_FEMALE",
    "BUTTOCKS_EXPOSED",
    "FEMALE_BREAST_EXPOSED",
    "FEMALE_GENITALIA_EXPOSED",
    "MALE_BREAST_EXPOSED",
    "ANUS_EXPOSED",
    "FEET_EXPOSED",
    "BELLY_COVERED",
    "FEET_COVERED",
    "ARMPITS_COVERED",
    "ARMPITS_EXPOSED",
    "FACE_MALE",
    "BELLY_EXPOSED",
    "MALE_GENITALIA_EXPOSED",
    "ANUS_COVERED",
    "FEMALE_BREAST_COVERED",
    "BUTTOCKS_COVERED",
)
