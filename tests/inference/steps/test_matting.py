"""Alpha matting solves what the trimap leaves open, or says why it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.steps import exact_matting
from inference.steps.exact_matting import solve_exactly
from inference.steps.matting import estimate_alpha
from inference.steps.trimap import make_trimap
from protocol.errors import MattingFailed, TaskTimedOut

Bytes = NDArray[np.uint8]


def scene(side: int = 96) -> tuple[Bytes, Bytes]:
    """A soft-edged disc of one colour over another, and its true alpha."""
    rows, columns = np.mgrid[:side, :side]
    alpha = np.clip((side * 0.3 - np.hypot(rows - side / 2, columns - side / 2)) / 6 + 0.5, 0, 1)
    colour = alpha[..., np.newaxis] * [200, 60, 40] + (1 - alpha[..., np.newaxis]) * [30, 90, 150]
    noise = np.random.default_rng(1).normal(0, 1, colour.shape)
    return np.rint(np.clip(colour + noise, 0, 255)).astype(np.uint8), (alpha * 255).astype(np.uint8)


def coarse(alpha: Bytes, times: int = 8) -> Bytes:
    side = alpha.shape[0] // times
    small = alpha.reshape(side, times, side, times).mean(axis=(1, 3))
    return np.kron(small, np.ones((times, times))).astype(np.uint8)


def test_a_known_trimap_is_the_alpha() -> None:
    trimap = np.array([[0, 255], [255, 0]], np.uint8)
    assert estimate_alpha(np.zeros((2, 2, 3), np.uint8), trimap, trimap).tolist() == trimap.tolist()


def test_an_empty_subject_is_legitimate() -> None:
    empty = np.zeros((4, 4), np.uint8)
    trimap = make_trimap(empty, 240, 10, 10)
    assert not estimate_alpha(np.zeros((4, 4, 3), np.uint8), trimap, empty).any()


@pytest.mark.parametrize("side", [96, 480])
def test_fast_is_much_nearer_to_the_truth_than_the_mask(side: int) -> None:
    rgb, alpha = scene(side)
    mask = coarse(alpha)
    trimap = make_trimap(mask, 240, 10, 10)
    found = estimate_alpha(rgb, trimap, mask)
    assert np.abs(found.astype(int) - alpha).mean() < 0.3 * np.abs(mask.astype(int) - alpha).mean()


def test_known_pixels_keep_their_value() -> None:
    rgb, alpha = scene()
    trimap = make_trimap(coarse(alpha), 240, 10, 10)
    found = estimate_alpha(rgb, trimap, coarse(alpha))
    known = trimap != 128
    assert (found[known] == trimap[known]).all()


def test_a_grey_picture_is_matted_too() -> None:
    rgb, alpha = scene()
    grey = np.repeat(rgb[..., 1:2], 3, axis=2)
    mask = coarse(alpha)
    found = estimate_alpha(grey, make_trimap(mask, 240, 10, 10), mask)
    assert np.abs(found.astype(int) - alpha).mean() < 0.5 * np.abs(mask.astype(int) - alpha).mean()


def test_a_flat_picture_falls_back_on_the_mask() -> None:
    _, alpha = scene()
    found = estimate_alpha(
        np.full((96, 96, 3), 77, np.uint8), make_trimap(alpha, 240, 10, 4), alpha
    )
    assert np.abs(found.astype(int) - alpha).mean() < 8


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (2, 2)])
def test_pictures_of_one_line_are_fine(shape: tuple[int, int]) -> None:
    trimap = np.full(shape, 128, np.uint8)
    trimap[0, 0] = 0
    found = estimate_alpha(np.zeros((*shape, 3), np.uint8), trimap, np.full(shape, 90, np.uint8))
    assert found[0, 0] == 0
    assert found.shape == shape


def test_nothing_known_names_the_settings_to_change() -> None:
    unknown = np.full((4, 4), 128, np.uint8)
    with pytest.raises(MattingFailed, match="lower alphaMattingErodeSize") as caught:
        estimate_alpha(np.zeros((4, 4, 3), np.uint8), unknown, unknown)
    assert caught.value.parameter == "alphaMattingErodeSize"


def test_fast_needs_only_one_kind_because_of_the_mask() -> None:
    rgb, alpha = scene()
    trimap = np.where(alpha < 10, 0, 128).astype(np.uint8)
    assert estimate_alpha(rgb, trimap, alpha)[48, 48] > 200


def test_exact_needs_both_kinds() -> None:
    trimap = np.full((4, 4), 128, np.uint8)
    trimap[0] = 0
    with pytest.raises(MattingFailed, match="no sure foreground"):
        estimate_alpha(np.zeros((4, 4, 3), np.uint8), trimap, trimap, method="exact")


def test_exact_refuses_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_matting, "LIMIT_EXACT_PIXELS", 3)
    trimap = np.array([[0, 128, 128, 255]] * 4, np.uint8)
    with pytest.raises(MattingFailed, match="8 unknown pixels; at most 3 are allowed"):
        estimate_alpha(np.zeros((4, 4, 3), np.uint8), trimap, trimap, method="exact")


def test_the_deadline_is_checked_while_solving() -> None:
    rgb, alpha = scene()
    mask = coarse(alpha)

    def over() -> None:
        raise TaskTimedOut("too late")

    with pytest.raises(TaskTimedOut):
        estimate_alpha(rgb, make_trimap(mask, 240, 10, 10), mask, check_deadline=over)


def test_a_mask_that_contradicts_the_trimap_does_not_count() -> None:
    rgb, alpha = scene()
    trimap = make_trimap(coarse(alpha), 240, 10, 10)
    found = [estimate_alpha(rgb, trimap, mask) for mask in (alpha, 255 - alpha)]
    assert (found[0] == found[1]).all()


def test_a_band_too_wide_to_be_solved_as_it_is_is_solved_smaller() -> None:
    rgb, alpha = scene(480)
    trimap = np.where(alpha == 255, 255, 0).astype(np.uint8)
    rows, columns = np.mgrid[:480, :480]
    far = np.hypot(rows - 240, columns - 240)
    trimap[(far > 60) & (far < 220)] = 128
    found = estimate_alpha(rgb, trimap, alpha)
    assert np.abs(found.astype(int) - alpha).mean() < 1.5


def test_a_hole_in_the_subject_far_from_all_background_is_subject() -> None:
    rgb, alpha = scene(192)
    trimap = make_trimap(alpha, 240, 10, 4)
    trimap[88:104, 88:104] = 128
    rgb[88:104, 88:104] = 120  # as far from the subject's colour as from the background's
    assert estimate_alpha(rgb, trimap, np.full_like(alpha, 120))[90:102, 90:102].min() > 200


@pytest.mark.filterwarnings("ignore")
def test_exact_is_pymattings_closed_form() -> None:
    import pymatting

    rgb, alpha = scene()
    trimap = make_trimap(coarse(alpha), 240, 10, 10)
    wanted = pymatting.estimate_alpha_cf(rgb / 255, trimap / 255)
    found = solve_exactly(rgb, trimap, lambda: None)
    assert np.abs(found - wanted[trimap == 128]).max() < 1e-12
    bytes_ = estimate_alpha(rgb, trimap, alpha, method="exact")
    assert np.abs(bytes_ - wanted * 255).max() <= 0.5 + 1e-9
