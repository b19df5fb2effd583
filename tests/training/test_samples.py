"""Samples are named by their seed, and their masks are what was laid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="data making needs OpenCV (extra `train`)")

from inference.training.compose import composite, make_sample, photograph
from inference.training.loader import Batch, Loader, Recipe, make_batch
from inference.training.sources import Photo, Stock, cut_out, load_stock, name_group, trim
from inference.training.subjects import Placed, Pose, draw_pose, place


@pytest.fixture
def stock(data_folder: Path) -> Stock:
    return load_stock([data_folder])


def test_every_kind_of_row_finds_its_group(stock: Stock) -> None:
    assert set(stock.cutouts) == {"emoji", "cutout", "render", "person-cut", "pet-cut"}
    assert set(stock.photos) == {"person", "pet"}
    assert len(stock.grounds) == 2


def test_untextured_is_not_textured() -> None:
    assert name_group("foreground-alpha", "x", "model 1; untextured; y") == "lowpoly"
    assert name_group("foreground-alpha", "x", "model 1; textured; y") == "render"


def test_the_same_seed_gives_the_same_pixels(stock: Stock) -> None:
    for number in range(20):
        first = make_sample(stock, (3, number), 32, 0.4)
        again = make_sample(stock, (3, number), 32, 0.4)
        assert np.array_equal(first.rgb, again.rgb)
        assert np.array_equal(first.mask, again.mask)


def test_another_seed_gives_other_pixels(stock: Stock) -> None:
    first = make_sample(stock, (3, 0), 32, 0.4)
    assert not np.array_equal(first.rgb, make_sample(stock, (4, 0), 32, 0.4).rgb)


def test_samples_have_the_size_asked_for(stock: Stock) -> None:
    for number in range(20):
        sample = make_sample(stock, (5, number), 48, 0.4)
        assert sample.rgb.shape == (48, 48, 3)
        assert sample.mask.shape == (48, 48)
        assert sample.rgb.dtype == sample.mask.dtype == np.uint8


def test_a_placed_cutout_never_shines_beyond_its_alpha() -> None:
    cutout = np.full((10, 10, 4), 255, np.uint8)
    placed: Placed = place(cutout, Pose(0.5, 0.5, 0.5, 20.0), np.random.default_rng(0), 32)
    assert (placed.colours <= placed.alpha[..., None] + 1e-3).all()


def test_the_mask_of_a_composite_is_the_alpha_that_was_laid() -> None:
    """Black ground, nothing else: every visible pixel is in the mask, every masked one visible."""
    stock = Stock({"cutout": [np.full((12, 12, 4), 255, np.uint8)]}, {}, [])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        placed = place(stock.cutouts["cutout"][0], draw_pose(rng, False, 1.0), rng, 64)
        alpha = np.rint(placed.alpha)
        assert np.array_equal(placed.colours[..., 0] > 0.5, alpha > 0)


def test_a_composite_always_has_a_subject() -> None:
    stock = Stock({"cutout": [np.full((12, 12, 4), 255, np.uint8)]}, {}, [])
    for seed in range(20):
        mask = composite(stock, np.random.default_rng(seed), 64).mask
        assert (mask > 127).mean() >= 0.015


def test_a_photograph_keeps_its_mask_in_step() -> None:
    """Whatever crop, flip and tint: inside the mask is one colour, outside it is one other."""
    mask = np.zeros((90, 60), np.uint8)
    mask[20:80, 15:50] = 255
    stock = Stock({}, {"person": [Photo(np.dstack([mask] * 3), mask)]}, [])
    for seed in range(20):
        sample = photograph(stock, np.random.default_rng(seed), 32)
        for value in (0, 255):
            assert len(np.unique(sample.rgb[sample.mask == value], axis=0)) <= 1


def test_nothing_visible_cannot_be_trimmed() -> None:
    assert trim(np.zeros((5, 5, 4), np.uint8)) is None


def test_a_small_subject_is_no_cutout() -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[:10, :10] = 255
    assert cut_out(Photo(np.zeros((60, 60, 3), np.uint8), mask)) is None


def take(batches: Iterator[Batch], count: int) -> list[Batch]:
    return [next(batches) for _ in range(count)]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_loader_gives_batches_in_order_whoever_made_them(stock: Stock, workers: int) -> None:
    recipe = Recipe(seed=9, batch=3)
    with Loader(stock, recipe, workers=workers, largest=32) as loader:
        for batch in take(loader.batches(4), 5):
            expected = make_batch(stock, recipe, batch.index, 32)
            assert np.array_equal(batch.rgb, expected.rgb)
            assert np.array_equal(batch.masks, expected.masks)


def test_the_loader_follows_a_new_size_after_those_under_way(stock: Stock) -> None:
    with Loader(stock, Recipe(1, 2), workers=1, largest=32, ahead=2) as loader:
        batches = loader.batches()
        next(batches)
        loader.size = 16
        sizes = [batch.rgb.shape[1] for batch in take(batches, 6)]
    assert sizes[-1] == 16
