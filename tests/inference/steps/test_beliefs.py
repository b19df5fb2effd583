"""Beliefs come from the known colours, from the nearest pixel, or from the mask."""

from __future__ import annotations

import numpy as np

from inference.steps.beliefs import believe
from inference.steps.laplacian import Band

RED, BLUE = (200, 20, 20), (20, 20, 200)
NO_MASK = np.zeros((1, 1), np.uint8)


def test_a_mixed_colour_tells_the_share_of_its_parts() -> None:
    rgb = np.zeros((5, 5, 3), np.uint8)
    rgb[:, :2], rgb[:, 3:] = RED, BLUE
    rgb[:, 2] = np.array(RED) * 0.25 + np.array(BLUE) * 0.75
    trimap = np.array([[255, 255, 128, 0, 0]] * 5, np.uint8)
    assert np.allclose(believe(rgb, Band.of(trimap), NO_MASK).alpha, 0.25, atol=0.02)


def test_a_colour_that_no_mix_explains_weighs_less() -> None:
    rgb = np.zeros((5, 5, 3), np.uint8)
    rgb[:, :2], rgb[:, 3:] = RED, BLUE
    rgb[:, 2] = (110, 20, 110)
    rgb[2, 2] = (20, 200, 20)
    trimap = np.array([[255, 255, 128, 0, 0]] * 5, np.uint8)
    weight = believe(rgb, Band.of(trimap), NO_MASK).weight
    assert weight[2] < 0.01 * weight[0]


def test_a_neighbour_shares_the_sample_that_only_it_sees() -> None:
    rgb = np.full((9, 9, 3), 128, np.uint8)
    trimap = np.full((9, 9), 128, np.uint8)
    trimap[0], rgb[0] = 255, RED
    trimap[8], rgb[8] = 0, BLUE
    trimap[4, 0], rgb[4, 0] = 255, (250, 250, 20)
    rgb[5, 2] = (250, 250, 20)  # on none of the eight lines from there
    band = Band.of(trimap)
    assert believe(rgb, band, NO_MASK).alpha[band.numbers[5, 2]] > 0.95


def test_far_from_all_samples_the_nearest_known_pixel_counts() -> None:
    rgb = np.full((41, 200, 3), 128, np.uint8)
    trimap = np.zeros((41, 200), np.uint8)
    trimap[:, 2:] = 255
    trimap[:, 1] = 128
    trimap[20, 150] = 128
    band = Band.of(trimap)
    beliefs = believe(rgb, band, NO_MASK)
    assert beliefs.alpha[band.numbers[20, 150]] > 0.9


def test_where_one_kind_is_known_the_mask_is_believed() -> None:
    trimap = np.array([[0, 128, 128]], np.uint8)
    mask = np.array([[0, 51, 255]], np.uint8)
    beliefs = believe(np.zeros((1, 3, 3), np.uint8), Band.of(trimap), mask)
    assert np.allclose(beliefs.alpha, [0.2, 1])
