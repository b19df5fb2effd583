"""Moderation: which classifier looks at pictures, and which of them it refuses."""

from inference.moderation.classifiers import Classifier, choose_classifier
from inference.moderation.moderator import (
    WHITE,
    Moderates,
    Moderator,
    NoModerator,
    moderation_unavailable,
)
from inference.moderation.settings import ModerationSettings

__all__ = [
    "WHITE",
    "Classifier",
    "Moderates",
    "ModerationSettings",
    "Moderator",
    "NoModerator",
    "choose_classifier",
    "moderation_unavailable",
]
