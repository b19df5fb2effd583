"""Tiny generated data folders in the shape of the real ones."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COLUMNS = ("file", "mask", "kind", "source_repo", "note", "category", "gt_type", "trimaps")


def write_manifest(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _save(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path)


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """Three cut-outs, two photographs with masks, two grounds."""
    rng = np.random.default_rng(7)
    folder = tmp_path / "data"
    folder.mkdir()
    rows: list[dict[str, str]] = []
    disc = np.hypot(*np.mgrid[-24:24, -24:24]) < 20
    for index, note in enumerate(
        ("3D rendered emoji", "AI-generated object cut-out", "; textured")
    ):
        rgba = np.dstack([rng.integers(0, 256, (48, 48, 3)), disc * 255]).astype(np.uint8)
        _save(folder / f"cut{index}.png", rgba)
        source = "emoji" if index == 0 else "elsewhere"
        row = {"file": f"cut{index}.png", "kind": "foreground-alpha", "source_repo": source}
        rows.append(row | {"note": note})
    for index, source in enumerate(("x/clothing-co-parsing", "google/dreambooth")):
        mask = np.zeros((60, 40), np.uint8)
        mask[10:55, 8:30] = 255
        _save(folder / f"photo{index}.png", rng.integers(0, 256, (60, 40, 3)).astype(np.uint8))
        _save(folder / f"photo{index}_mask.png", mask)
        row = {"file": f"photo{index}.png", "mask": f"photo{index}_mask.png"}
        rows.append(row | {"kind": "photo-mask", "source_repo": source})
    for index in range(2):
        _save(folder / f"ground{index}.png", rng.integers(0, 256, (50, 70, 3)).astype(np.uint8))
        rows.append({"file": f"ground{index}.png", "kind": "background", "source_repo": "here"})
    write_manifest(folder, rows)
    return folder


@pytest.fixture
def labelled_folder(tmp_path: Path) -> Path:
    """Six labelled pictures of a bright square: five counted, one of a set that is left out."""
    folder = tmp_path / "labelled"
    (folder / "images").mkdir(parents=True)
    rows: list[dict[str, str]] = []
    for name in ("am_1", "ccp_1", "ccp_2", "gc_1", "bsds_1", "vik_1"):
        mask = np.zeros((40, 40), np.uint8)
        mask[10:30, 10:30] = 255
        _save(folder / "images" / f"{name}.png", np.dstack([mask] * 3))
        trimap = np.where(np.hypot(*np.mgrid[-20:20, -20:20]) < 12, 128, 0).astype(np.uint8)
        if name == "gc_1":
            mask[:5] = 128
        _save(folder / "images" / f"{name}_mask.png", mask)
        row = {"file": f"images/{name}.png", "mask": f"images/{name}_mask.png"}
        if name == "am_1":
            _save(folder / "images" / "am_1_t1.png", trimap)
            row["trimaps"] = "images/am_1_t1.png"
        rows.append(row | {"category": "person", "gt_type": "human-mask"})
    write_manifest(folder, rows)
    return folder
