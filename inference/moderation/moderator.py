"""May this picture come in, or go out? Asked for each task whose `safety` says so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.models import LoadedNet, Row
from inference.moderation.classifiers import Classifier
from inference.picture import Picture
from inference.steps.compose import flatten
from protocol.errors import ContentPolicyViolation, ModerationUnavailable

WHITE = (255, 255, 255)

Made = TypeVar("Made")


class LeasesNets(Protocol):
    """The part of a model pool that moderation needs."""

    def lease(self, row: Row) -> AbstractAsyncContextManager[LoadedNet]:
        """Hold a model, loaded."""


class Works(Protocol):
    """The part of a job's tools that judging takes."""

    async def on_thread(self, step: Callable[..., Made], *args: object) -> Made:
        """Run a pure step on a thread."""

    async def run_net(self, net: LoadedNet, item: NDArray[Any]) -> NDArray[Any]:
        """Run a model on one item."""


class Moderates(Protocol):
    """Judges pictures, or says that nobody here does."""

    @property
    def is_available(self) -> bool:
        """Whether pictures can be judged at all."""

    async def check(
        self, picture: Picture | NDArray[np.uint8], parameter: str | None, tools: Works
    ) -> None:
        """Let a picture or a mask pass; `parameter` is its field, or None for a result.

        Raises:
            ContentPolicyViolation: it does not pass.
            ModerationUnavailable: there is nobody to judge it.
        """


class NoModerator:
    """Where no moderation is configured: nothing that asks for it may pass."""

    is_available = False

    async def check(
        self, picture: Picture | NDArray[np.uint8], parameter: str | None, tools: Works
    ) -> None:
        """Refuse by name; a check that was asked for is never left out in silence."""
        raise moderation_unavailable()


class Moderator:
    """Runs the configured classifier, in batches with other clients' pictures."""

    is_available = True

    def __init__(self, classifier: Classifier, nets: LeasesNets) -> None:
        self._classifier = classifier
        self._nets = nets

    async def check(
        self, picture: Picture | NDArray[np.uint8], parameter: str | None, tools: Works
    ) -> None:
        """Judge every view of the picture; each must pass."""
        async with self._nets.lease(self._classifier.row) as net:
            for view in await tools.on_thread(_views, picture):
                item = await tools.on_thread(self._classifier.prepare, view, net.row)
                output = await tools.run_net(net, item)
                refused = self._classifier.refused(output)
                if refused:
                    raise _violation(parameter, refused)


def moderation_unavailable() -> ModerationUnavailable:
    """Describe a service without moderation."""
    return ModerationUnavailable(
        "safety asks for moderation, and none is configured here; "
        "leave safety out, or ask the operator to set moderation.provider.",
        parameter="safety",
    )


def _views(picture: Picture | NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """All that can be seen in a picture: as it is laid on white, and what its alpha hides."""
    if not isinstance(picture, Picture):
        return [np.repeat(picture[:, :, np.newaxis], 3, axis=2)]
    if picture.alpha is None:
        return [picture.rgb]
    return [flatten(picture, WHITE).rgb, picture.rgb]


def _violation(parameter: str | None, refused: dict[str, float]) -> ContentPolicyViolation:
    names = ", ".join(refused)
    what = f"The picture in {parameter}" if parameter else "The result"
    scores = ", ".join(f"{name} {score:.3f}" for name, score in refused.items())
    return ContentPolicyViolation(
        f"{what} was refused by moderation: {names}.", parameter=parameter, detail=scores
    )
