"""How good is the network now: a quick IoU and MAE by category while it trains.

The figures that count come from `benchmarks/quality.py`; these leave its sizes and edges out.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from inference.training.grounds import resize
from inference.training.sources import Bytes

_LEFT_OUT = ("vik_", "syn_")
_GRID = 256  # masks are compared at this size
_KEPT = 320  # pictures are kept at this size


@dataclass(frozen=True, slots=True)
class Labelled:
    """A squeezed picture, its mask on the grid, and where the mask counts."""

    category: str
    rgb: Bytes
    mask: Bytes
    counts: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Score:
    """Means over categories with five pictures or more, and the IoU of each category."""

    iou: float
    mae: float
    categories: dict[str, float]


def load_labelled(folder: Path) -> list[Labelled]:
    """Read a labelled folder once."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    kept = [row for row in rows if not Path(row["file"]).name.startswith(_LEFT_OUT)]
    return [_read(folder, row) for row in kept]


@torch.inference_mode()
def evaluate(
    network: nn.Module, labelled: list[Labelled], device: torch.device, size: int
) -> Score:
    """Run the network, in the mode it is in, over all pictures at this size."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for start in range(0, len(labelled), 8):
        part = labelled[start : start + 8]
        pictures = torch.from_numpy(np.stack([resize(row.rgb, size) for row in part]))
        moved = pictures.to(device).permute(0, 3, 1, 2).float()
        alphas = torch.sigmoid(network(moved)[0])[:, 0].float().cpu().numpy()
        for row, alpha in zip(part, alphas, strict=True):
            found[row.category].append(_compare(alpha, row))
    means = {name: np.mean(pairs, 0) for name, pairs in found.items() if len(pairs) >= 5}
    if not means:
        means = {name: np.mean(pairs, 0) for name, pairs in found.items()}
    iou, mae = np.mean(list(means.values()), 0)
    by_name = {name: round(float(pair[0]), 4) for name, pair in sorted(means.items())}
    return Score(round(float(iou), 4), round(float(mae), 4), by_name)


def _compare(alpha: NDArray[np.float32], row: Labelled) -> tuple[float, float]:
    alpha = np.asarray(cv2.resize(alpha, (_GRID, _GRID)), np.float32)
    seen, wanted = (alpha > 0.5)[row.counts], (row.mask > 127)[row.counts]
    union = (seen | wanted).sum()
    iou = float((seen & wanted).sum() / union) if union else 1.0
    return iou, float(np.abs(alpha - row.mask / 255)[row.counts].mean())


def _read(folder: Path, row: dict[str, str]) -> Labelled:
    bgr: Any = cv2.imread(str(folder / row["file"]), cv2.IMREAD_COLOR)
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    mask: Any = cv2.imread(str(folder / row["mask"]), cv2.IMREAD_GRAYSCALE)
    grid = (_GRID, _GRID)
    ignore = (mask == 128) if "128" in row["gt_type"] else np.zeros(mask.shape, bool)
    counts = cv2.resize(ignore.astype(np.uint8), grid, interpolation=cv2.INTER_NEAREST) == 0
    small = cv2.resize(rgb, (_KEPT, _KEPT), interpolation=cv2.INTER_AREA)
    grey = cv2.resize(mask, grid, interpolation=cv2.INTER_AREA)
    return Labelled(
        row["category"], np.asarray(small, np.uint8), np.asarray(grey, np.uint8), counts
    )
