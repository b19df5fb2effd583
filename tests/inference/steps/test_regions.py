"""Regions: found, ranked, none twice, grown and softened as wished."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from inference.steps.mask import Box
from inference.steps.regions import Regions, RegionWishes, View, crops, find_regions
from inference.steps.segments import segment_graph

WIDTH, HEIGHT = 120, 90
PLAIN = RegionWishes(most=6, confidence=0.25, padding=0, blur=0)
DISC, BOX = (slice(20, 50), slice(15, 45)), (slice(30, 70), slice(75, 105))


def scene() -> np.ndarray:
    """A red and a blue square on grey."""
    rgb = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    rgb[DISC], rgb[BOX] = (200, 30, 30), (30, 30, 200)
    return rgb


def no_deadline() -> None:
    """There is time."""


def found(wishes: RegionWishes = PLAIN, views: tuple[View, ...] = ()) -> Regions:
    return find_regions(scene(), views, wishes, no_deadline)


def subject_view() -> View:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[DISC] = 255
    return View(Box(0, 0, WIDTH, HEIGHT), mask)


def overlap(mask: np.ndarray, place: tuple[slice, slice]) -> float:
    truth = np.zeros((HEIGHT, WIDTH), np.bool_)
    truth[place] = True
    inside = mask >= 128
    return float((inside & truth).sum() / (inside | truth).sum())


def test_every_object_has_a_mask_though_the_network_saw_one() -> None:
    regions = found(views=(subject_view(),))
    for place in (DISC, BOX):
        assert max(overlap(regions.mask(region), place) for region in regions.found) > 0.9


def test_surest_comes_first() -> None:
    sure = [region.confidence for region in found().found]
    assert all(before >= after for before, after in pairwise(sure))


def test_no_more_than_wished_are_returned() -> None:
    assert len(found(replace(PLAIN, most=1)).found) == 1


def test_less_sure_regions_are_left_out() -> None:
    assert not found(replace(PLAIN, confidence=1.0)).found


def test_a_region_seen_twice_is_told_once() -> None:
    views = (subject_view(), subject_view())
    regions = found(views=views)
    assert sum(overlap(regions.mask(region), DISC) > 0.6 for region in regions.found) == 1


def test_area_counts_the_masks_pixels() -> None:
    regions = found()
    for region in regions.found:
        assert region.area == int((regions.mask(region) >= 128).sum())


def test_box_is_tight() -> None:
    region = found(replace(PLAIN, most=1), (subject_view(),)).found[0]
    assert (region.box.left, region.box.top, region.box.right, region.box.bottom) == (
        15,
        20,
        45,
        50,
    )


def test_padding_grows_by_so_many_pixels() -> None:
    region = found(replace(PLAIN, most=1, padding=5), (subject_view(),)).found[0]
    assert (region.box.left, region.box.top, region.box.right, region.box.bottom) == (
        10,
        15,
        50,
        55,
    )


def test_negative_padding_shrinks() -> None:
    region = found(replace(PLAIN, most=1, padding=-5), (subject_view(),)).found[0]
    assert (region.box.left, region.box.top, region.box.right, region.box.bottom) == (
        20,
        25,
        40,
        45,
    )


def test_a_region_that_shrinks_to_nothing_is_left_out() -> None:
    assert not found(replace(PLAIN, most=1, padding=-40), (subject_view(),)).found


def test_without_blur_a_mask_is_black_and_white() -> None:
    regions = found(replace(PLAIN, blur=0))
    assert set(np.unique(regions.union())) == {0, 255}


def test_blur_softens_the_edge() -> None:
    regions = found(replace(PLAIN, most=1, blur=6), (subject_view(),))
    mask = regions.mask(regions.found[0])
    assert int(((mask > 10) & (mask < 245)).sum()) > 300


def test_union_is_white_where_any_region_is() -> None:
    regions = found()
    drawn = np.max([regions.mask(region) for region in regions.found], axis=0)
    assert (regions.union() == drawn).all()


def test_an_object_cut_off_by_a_crop_is_no_region_of_it() -> None:
    mask = np.full((HEIGHT, 30), 255, np.uint8)
    regions = found(replace(PLAIN, confidence=0.9), (View(Box(0, 0, 30, HEIGHT), mask),))
    assert not regions.found


def test_a_plain_picture_has_no_regions() -> None:
    plain = np.full((40, 60, 3), 77, np.uint8)
    assert not find_regions(plain, (), PLAIN, no_deadline).found


def test_a_picture_of_one_pixel_has_no_regions() -> None:
    assert not find_regions(np.zeros((1, 1, 3), np.uint8), (), PLAIN, no_deadline).found


def test_crops_lie_within_the_picture() -> None:
    for box in crops(101, 7):
        assert 0 <= box.left < box.right <= 101
        assert 0 <= box.top < box.bottom <= 7


def test_segments_of_two_colours_are_two() -> None:
    colours = np.zeros((4, 4, 3), np.float32)
    colours[:, 2:] = 200
    labels = segment_graph(colours, scale=10, smallest=2)
    assert labels.tolist() == [[0, 0, 1, 1]] * 4


def test_segments_below_the_smallest_size_join_a_neighbour() -> None:
    colours = np.zeros((4, 4, 3), np.float32)
    colours[1, 1] = 200
    assert segment_graph(colours, scale=10, smallest=2).max() == 0
