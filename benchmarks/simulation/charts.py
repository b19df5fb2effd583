"""The figures of the simulation as one picture."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

Found = dict[str, Any]
COLOURS = plt.rcParams["axes.prop_cycle"].by_key()["color"]


def draw(found: Found, path: Path) -> None:
    """Draw what each scenario showed, and beside it how far the model can be trusted."""
    figure, grid = plt.subplots(2, 2, figsize=(13, 9), layout="constrained")
    panels = iter(grid.flat)
    draw_workers(next(panels), found["workers_needed"], found["goal_p99_ms"])
    draw_brokers(next(panels), found["brokers"])
    draw_bursts(next(panels), found["bursts"])
    draw_trial(next(panels), found.get("trial", {}))
    for panel in grid.flat:
        panel.grid(alpha=0.3)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(fontsize=8)
    figure.suptitle(
        "Simulated from measured times; the GPU's batch times and the pictures' spread are assumed"
    )
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)


def draw_workers(panel: Axes, rows: list[Found], goal_ms: float) -> None:
    """Machines over tasks a second."""
    for name in _names(rows, "worker"):
        mine = [row for row in rows if row["worker"] == name]
        rates = [row["tasks_per_s"] for row in mine]
        panel.loglog(rates, [row["workers"] for row in mine], marker="o", label=f"workers: {name}")
    for what, style in (("gateways", "--"), ("brokers", ":")):
        panel.loglog(rates, [row[what] for row in mine], style, label=what)
    panel.set(title=f"Machines for a p99 of {goal_ms:g} ms", xlabel="tasks/s", ylabel="machines")


def draw_brokers(panel: Axes, rows: list[Found]) -> None:
    """What brokers add over tasks a second."""
    for name in _names(rows, "layout"):
        mine = [row for row in rows if row["layout"] == name]
        is_split = "on one" in name
        panel.loglog(
            [row["tasks_per_s"] for row in mine],
            [row["p99_ms"] for row in mine],
            ":" if is_split else "-",
            marker="x" if is_split else ".",
            label=name,
        )
    panel.set(title="What the broker adds, until it is full", xlabel="tasks/s", ylabel="p99, ms")


def draw_bursts(panel: Axes, bursts: Found) -> None:
    """What clients wait in a burst."""
    for name, one in bursts.items():
        panel.semilogy(
            [row["s"] for row in one["rows"]],
            [row["p99_s"] or None for row in one["rows"]],
            label=f"{name}: {one['worker_hours']:g} worker hours",
        )
    panel.set(title="Ten times the load from 100 s to 300 s", xlabel="s", ylabel="p99, s")


def draw_trial(panel: Axes, trial: Found) -> None:
    """Predicted lines, told how long tasks held their slots; measured dots."""
    for (name, seen), colour in zip(trial.items(), COLOURS, strict=False):
        loads = [(float(key.split()[1]), one) for key, one in seen.items() if "load" in key]
        across = [100 * load for load, _ in loads]
        for share, style in (("p50_ms", "--"), ("p95_ms", "-")):
            panel.plot(
                across,
                [one["told"][share] for _, one in loads],
                style,
                color=colour,
                label=f"{name}, {share[:3]}",
            )
            panel.plot(across, [one["measured"][share] for _, one in loads], "o", color=colour)
    panel.set(title="Lines predicted, dots measured", xlabel="load, %", ylabel="ms")


def _names(rows: Iterable[Found], key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in rows))
