"""The figures of benchmarks/quality.py on arrays small enough to work out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import mask_figures as figures
from benchmarks import quality

EVERYWHERE = np.ones((4, 4), bool)


def square(size: int, low: int, high: int) -> np.ndarray:
    alpha = np.zeros((size, size), np.float32)
    alpha[low:high, low:high] = 1
    return alpha


def test_iou_is_overlap_by_union() -> None:
    truth, alpha = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32)
    truth[:, :2] = 1
    alpha[:2] = 1
    assert figures.measure_iou(alpha, truth, EVERYWHERE) == pytest.approx(4 / 12)


def test_nothing_found_where_nothing_is_counts_as_right() -> None:
    empty = np.zeros((4, 4), np.float32)
    assert figures.measure_iou(empty, empty, EVERYWHERE) == 1.0
    assert figures.measure_boundary_f(empty, empty, EVERYWHERE) == 1.0


def test_ignored_pixels_change_no_figure() -> None:
    truth, alpha = square(4, 1, 3), square(4, 1, 3)
    alpha[0] = 1
    counts = EVERYWHERE.copy()
    counts[0] = False
    assert figures.measure_iou(alpha, truth, counts) == 1.0
    assert figures.measure_mae(alpha, truth, counts) == 0.0


def test_mae_is_the_mean_difference() -> None:
    alpha = np.full((4, 4), 0.25, np.float32)
    assert figures.measure_mae(alpha, np.zeros((4, 4), np.float32), EVERYWHERE) == 0.25


def test_max_f_weighs_precision_more() -> None:
    truth, alpha = np.zeros((4, 4), np.float32), np.ones((4, 4), np.float32)
    truth[:2] = 1  # precision 0.5, recall 1
    curves = figures.measure_curves(alpha, truth, EVERYWHERE)
    assert figures.best_f(*curves) == pytest.approx(1.3 * 0.5 / (0.3 * 0.5 + 1))


def test_a_right_threshold_makes_max_f_one() -> None:
    truth = square(4, 1, 3)
    curves = figures.measure_curves(truth * 0.2 + 0.1, truth, EVERYWHERE)
    assert figures.best_f(*curves) == pytest.approx(1.0)


@pytest.mark.parametrize(("shift", "expected"), [(0, 1.0), (3, 1.0), (12, 0.0)])
def test_outlines_within_three_pixels_agree(shift: int, expected: float) -> None:
    truth, alpha = np.zeros((40, 40), np.float32), np.zeros((40, 40), np.float32)
    truth[:, :10] = 1
    alpha[:, : 10 + shift] = 1
    counts = np.ones((40, 40), bool)
    assert figures.measure_boundary_f(alpha, truth, counts) == expected


def test_the_frame_is_no_outline() -> None:
    assert not figures.outline(np.ones((4, 4), bool)).any()


def test_a_disc_is_round() -> None:
    point = np.zeros((7, 7), bool)
    point[3, 3] = True
    wide = figures.widen(point, 3)
    assert wide.sum() == 29
    assert not wide[0, 0]


def test_matting_errors_count_only_the_unknown_zone() -> None:
    truth, alpha = np.zeros((4, 4), np.float32), np.ones((4, 4), np.float32)
    zone = np.zeros((4, 4), bool)
    zone[0, :2] = True
    found = figures.measure_matting(alpha, truth, zone)
    assert found["sad"] == pytest.approx(2 / 1000)
    assert found["mse"] == pytest.approx(1000)
    assert found["gradient"] == pytest.approx(0)


def test_the_gradient_of_a_ramp_is_its_slope() -> None:
    ramp = np.tile(np.arange(20, dtype=np.float32) / 10, (20, 1))
    assert figures.gradient(ramp)[10, 10] == pytest.approx(0.1, rel=1e-4)


def read_green(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, np.float32)[..., 1] / 255


def judge_all(folder: Path) -> list[quality.Judged]:
    truths = quality.read_truths(folder)
    return [quality.judge(truth, read_green(truth.open_picture()), 1.0) for truth in truths]


def test_the_report_leaves_vik_out_of_macro(labelled_folder: Path) -> None:
    found = quality.report(judge_all(labelled_folder))
    assert found["categories"]["person"]["count"] == 5
    assert found["sets"]["vik"]["count"] == 1
    assert found["macro"]["iou"] == 1.0
    assert found["human"]["count"] == 5


def test_only_trimaps_of_am_give_matting_figures(labelled_folder: Path) -> None:
    found = quality.report(judge_all(labelled_folder))
    assert found["sets"]["am"]["sad"] == 0.0
    assert "sad" not in found["sets"]["ccp"]


def test_categories_of_four_or_fewer_are_not_in_macro(labelled_folder: Path) -> None:
    found = quality.report(judge_all(labelled_folder)[:3])
    assert found["macro"] == {}


def test_the_command_writes_figures_and_a_sheet(
    labelled_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "open_model", lambda *_: (read_green, 123))
    written, sheet = tmp_path / "found.json", tmp_path / "sheet.png"
    where = ["--data", str(labelled_folder), "--json", str(written), "--sheet", str(sheet)]
    assert quality.main(where) == 0
    assert json.loads(written.read_text())["bytes"] == 123
    with Image.open(sheet) as image:
        assert image.width == 5 * 3 * 128
