"""A small grid read tile by tile is its bilinear enlargement; tiles hold all that is marked."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from inference.steps.sampling import Enlarger, replace, tiles

RNG = np.random.default_rng(6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (9, 13)])
def test_reading_is_the_bilinear_enlargement(shape: tuple[int, int]) -> None:
    grid = RNG.random((2, *shape), np.float32)
    enlarger = Enlarger(grid, 150, 210)
    found = np.zeros((2, 150, 210), np.float32)
    for tile in tiles(np.ones((150, 210), bool)):
        found[(slice(None), *tile)] = enlarger.read(tile)
    for plane, wanted in zip(found, grid, strict=True):
        large = Image.fromarray(wanted).resize((210, 150), Image.Resampling.BILINEAR)
        assert np.abs(plane - np.asarray(large)).max() < 1e-5


def test_samples_of_whole_blocks_lie_at_their_middles() -> None:
    centres = (np.arange(4, dtype=np.float32) * 3 + 1)[np.newaxis, np.newaxis]
    read = Enlarger(centres, 1, 10, blocks=3).read((slice(0, 1), slice(0, 10)))
    assert np.allclose(read[0, 0], [1, *range(1, 10)], atol=1e-6)


def test_tiles_hold_every_marked_pixel_once() -> None:
    marked = RNG.random((200, 300)) < 0.0005
    seen = np.zeros(marked.shape, int)
    for tile in tiles(marked):
        seen[tile] += 1
    assert seen.max() == 1
    assert (seen[marked] == 1).all()


def test_tiles_without_a_mark_are_left_out() -> None:
    assert not list(tiles(np.zeros((200, 300), bool)))


def test_only_where_it_is_said_values_are_replaced() -> None:
    place = np.array([200, 3, 7], np.uint8)
    replace(place, np.array([1, 250, 9], np.uint8), np.array([True, True, False]))
    assert place.tolist() == [1, 250, 7]
