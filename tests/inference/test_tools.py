"""What a pipeline may use: matting by the method of the settings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from inference.crew import Crew, Hands
from inference.steps.matting import Method, estimate_alpha
from inference.tools import JobTools


@pytest.fixture
def hands() -> Iterator[Hands]:
    crew = Crew(1, first=1)
    yield crew.of("acme")
    crew.close()


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A bright disc on noise, its trimap with a band of unknowns, and a soft mask."""
    rng = np.random.default_rng(2)
    rgb = rng.integers(0, 60, (48, 48, 3), np.uint8)
    away = np.hypot(*(np.mgrid[0:48, 0:48] - 24))
    rgb[away < 14] += 150
    trimap = np.where(away < 10, 255, np.where(away > 18, 0, 128)).astype(np.uint8)
    mask = np.clip(255 * (18 - away) / 8, 0, 255).astype(np.uint8)
    return rgb, trimap, mask


@pytest.mark.parametrize("method", ["fast", "exact"])
async def test_matting_is_by_the_method_of_the_settings(hands: Hands, method: Method) -> None:
    networks: Any = None  # matting asks none
    deadline = time.monotonic() + 60
    tools = JobTools(networks, hands, model="", deadline=deadline, matting=method)
    alpha = await tools.matte(*scene())
    assert (alpha == estimate_alpha(*scene(), method=method)).all()
    assert [stage.name for stage in tools.stages(waited_s=0)] == ["queue", "matting"]


def test_the_methods_differ() -> None:
    assert (
        estimate_alpha(*scene(), method="fast") != estimate_alpha(*scene(), method="exact")
    ).any()
