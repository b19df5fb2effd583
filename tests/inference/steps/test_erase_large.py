"""A picture too large to be worked on at full size is filled at less, with its detail copied."""

from __future__ import annotations

import numpy as np

from inference.steps.erase import fill_hole
from inference.steps.holes import Hole

HEIGHT, WIDTH = 1_600, 1_600


def no_deadline() -> None:
    """There is time."""


def test_large_holes_keep_fine_detail_and_all_pixels_outside() -> None:
    rgb = np.random.default_rng(6).integers(90, 160, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    inside = np.zeros((HEIGHT, WIDTH), np.bool_)
    inside[800:812, 20:-20] = inside[20:-20, 800:812] = True
    seen = np.where(inside[..., None], np.uint8(255), rgb)
    filled = fill_hole(seen, Hole(inside, inside), no_deadline)
    assert (filled[~inside] == rgb[~inside]).all()
    assert 0.6 * rgb.std() < filled[inside].std() < 1.2 * rgb.std()
