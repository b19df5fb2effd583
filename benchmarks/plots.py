"""Figures as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

from benchmarks.tables import origin, peer_names

PANELS = {
    "per_s": "pictures a second",
    "cpu_s_per_picture": "CPU seconds a picture",
    "p50_ms": "p50, ms",
    "peak_mb": "resident MB, peak",
}


def plot_peers(found: dict[str, Any], path: Path) -> None:
    """Draw a panel for each figure: a line for each server over the number of clients."""
    figure, grid = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    for panel, (key, title) in zip(grid.flat, PANELS.items(), strict=True):
        for name in peer_names(found):
            levels = found[name]["levels"]
            clients = sorted(levels, key=int)
            is_ours = name.startswith("cutwire")
            panel.plot(
                [int(level) for level in clients],
                [levels[level][key] for level in clients],
                marker="o",
                linewidth=2.5 if is_ours else 1.2,
                label=name,
            )
        panel.set_title(title)
        panel.set_xscale("log", base=2)
        panel.set_xticks([int(level) for level in clients], clients)
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
    for panel in grid[1]:
        panel.set_xlabel("clients")
    grid[0][0].legend(fontsize=8)
    _save(figure, found, path, "The same network and pictures, 1.5 MP JPEG → PNG")


def plot_scaling(found: dict[str, Any], path: Path) -> None:
    """Draw a panel for each axis: CPU time of a task and p50."""
    axes = found["axes"]
    figure, grid = plt.subplots(1, len(axes), figsize=(4 * len(axes), 3.6), layout="constrained")
    for panel, (axis, rows) in zip(grid, axes.items(), strict=True):
        sizes = [row["size"] for row in rows]
        for key, label in (("cpu_ms_per_task", "CPU a task"), ("p50_ms", "p50")):
            panel.plot(sizes, [row[key] for row in rows], marker="o", label=label)
        panel.set_xscale("log", base=2)
        panel.set_xticks(sizes, [f"{size:g}" for size in sizes])
        panel.minorticks_off()
        panel.set_yscale("log")
        panel.set_xlabel(axis)
        panel.grid(alpha=0.3, which="both")
    grid[0].set_ylabel("ms")
    grid[0].legend()
    _save(figure, found, path, "How cost grows")


def _save(figure: Any, found: dict[str, Any], path: Path, title: str) -> None:
    figure.suptitle(f"{title}\n{origin(found)}", fontsize=10)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
