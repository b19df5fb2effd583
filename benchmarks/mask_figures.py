"""How far is a mask from the truth: the figures of `quality.py`, on arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

REACH = 3
BETA2 = 0.3


def measure_iou(alpha: Floats, truth: Floats, counts: Flags) -> float:
    seen, wanted = (alpha >= 0.5) & counts, (truth >= 0.5) & counts
    union = int((seen | wanted).sum())
    return float((seen & wanted).sum() / union) if union else 1.0


def measure_mae(alpha: Floats, truth: Floats, counts: Flags) -> float:
    return float(np.abs(alpha - truth)[counts].mean()) if counts.any() else 0.0


def measure_curves(alpha: Floats, truth: Floats, counts: Flags) -> tuple[Floats, Floats]:
    """Precision and recall at the thresholds 1/255 to 255/255."""
    levels = np.clip(np.rint(alpha[counts] * 255), 0, 255).astype(np.int64)
    wanted = truth[counts] >= 0.5
    right = np.cumsum(np.bincount(levels[wanted], minlength=256)[::-1])[::-1][1:]
    wrong = np.cumsum(np.bincount(levels[~wanted], minlength=256)[::-1])[::-1][1:]
    found = right + wrong
    precision = np.where(found > 0, right / np.maximum(found, 1), 1.0)
    recall = right / wanted.sum() if wanted.any() else np.ones(255)
    return precision.astype(np.float32), recall.astype(np.float32)


def best_f(precision: Floats, recall: Floats) -> float:
    below = np.maximum(BETA2 * precision + recall, 1e-9)
    return float(((1 + BETA2) * precision * recall / below).max())


def outline(mask: Flags) -> Flags:
    """Pixels of the mask that touch, by a side, what is not in it; the frame is no edge."""
    padded = np.pad(mask, 1, mode="edge")
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(mask & ~inner)


def widen(mask: Flags, reach: int) -> Flags:
    """Everything within `reach` pixels (a disc) of the mask."""
    height, width = mask.shape
    padded = np.pad(mask, reach)
    wide = np.zeros_like(mask)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dy * dy + dx * dx <= reach * reach:
                y, x = reach + dy, reach + dx
                wide |= padded[y : y + height, x : x + width]
    return wide


def measure_boundary_f(alpha: Floats, truth: Floats, counts: Flags, reach: int = REACH) -> float:
    seen, wanted = outline(alpha >= 0.5) & counts, outline(truth >= 0.5) & counts
    if not seen.any() or not wanted.any():
        return float(seen.any() == wanted.any())
    precision = float(widen(wanted, reach)[seen].mean())
    recall = float(widen(seen, reach)[wanted].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def gradient(alpha: Floats, sigma: float = 1.4) -> Floats:
    """Magnitude of the Gaussian gradient."""
    axis = np.arange(-int(np.ceil(3 * sigma)), int(np.ceil(3 * sigma)) + 1)
    smooth = np.exp(-(axis**2) / (2 * sigma**2))
    slope = -axis * smooth / sigma**2
    smooth, slope = smooth / smooth.sum(), slope / np.abs(slope * axis).sum()
    across = _filter(_filter(alpha, slope, 1), smooth, 0)
    return np.hypot(across, _filter(_filter(alpha, slope, 0), smooth, 1)).astype(np.float32)


def _filter(values: Floats, kernel: NDArray[np.float64], axis: int) -> Floats:
    half = len(kernel) // 2
    sides = [(half, half) if side == axis else (0, 0) for side in (0, 1)]
    padded = np.pad(values, sides, mode="edge")
    length = values.shape[axis]
    parts = [k * padded.take(range(i, i + length), axis) for i, k in enumerate(kernel)]
    return np.asarray(sum(parts), np.float32)


def measure_matting(alpha: Floats, truth: Floats, zone: Flags) -> dict[str, float]:
    """SAD / 1000, MSE x 1000 and gradient error / 1000 inside the zone."""
    if not zone.any():
        return {"sad": 0.0, "mse": 0.0, "gradient": 0.0}
    off = (alpha - truth)[zone]
    steep = (gradient(alpha) - gradient(truth))[zone]
    return {
        "sad": float(np.abs(off).sum() / 1000),
        "mse": float((off**2).mean() * 1000),
        "gradient": float((steep**2).sum() / 1000),
    }
