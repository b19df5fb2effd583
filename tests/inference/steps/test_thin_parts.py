"""On a plain ground thin parts of the product are kept; shadows and busy grounds change nothing."""

from __future__ import annotations

import numpy as np

from inference.steps.thin_parts import keep_thin_parts

SIDE = 200
BODY = (slice(60, 160), slice(60, 140))
STRAP = (slice(20, 60), slice(98, 100))


def product(ground: int = 255) -> np.ndarray:
    """A dark box with a thin strap, on a plain ground."""
    rgb = np.full((SIDE, SIDE, 3), ground, np.uint8)
    rgb[BODY] = rgb[STRAP] = (40, 40, 60)
    return rgb


def body() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[BODY] = 255
    return mask


def test_a_thin_part_that_the_network_missed_is_added() -> None:
    assert (keep_thin_parts(product(), body())[STRAP] == 255).all()


def test_the_masks_own_pixels_stay() -> None:
    assert (keep_thin_parts(product(), body()) >= body()).all()


def test_a_broad_shadow_is_not_added() -> None:
    rgb = product()
    rgb[160:190, 40:160] = 190
    assert not keep_thin_parts(rgb, body())[165:190, 40:160].any()


def test_the_end_of_a_shadow_where_it_is_thin_is_not_added() -> None:
    rgb = product()
    rgb[160:180, 60:140] = rgb[160:162, 140:143] = 190
    assert not keep_thin_parts(rgb, body())[160:].any()


def test_a_leg_that_stands_in_a_shadow_is_added_down_to_it() -> None:
    rgb = product()
    rgb[160:185, 98:100] = (40, 40, 60)
    rgb[185:198, 40:160] = 190
    assert (keep_thin_parts(rgb, body())[160:184, 98:100] == 255).all()


def test_what_does_not_hang_on_the_product_is_not_added() -> None:
    rgb = product()
    rgb[180:182, 10:40] = 0
    assert not keep_thin_parts(rgb, body())[175:, :50].any()


def test_a_busy_ground_changes_nothing() -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    assert (keep_thin_parts(rgb, body()) == body()).all()


def test_an_empty_mask_stays_empty() -> None:
    assert not keep_thin_parts(product(), np.zeros((SIDE, SIDE), np.uint8)).any()
