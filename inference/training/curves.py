"""How did runs go: their logs drawn as one PNG, loss on the left, IoU and MAE on the right."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

Points = list[tuple[float, float]]
WIDTH, HEIGHT, EDGE = 520, 340, 46
COLOURS = ("#1f5fbf", "#c2410c", "#15803d", "#7e22ce", "#b45309", "#0f766e")


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line of (thousand samples, value)."""

    name: str
    colour: str
    points: Points


def read_curve(log: Path, event: str, key: str, first: float = 0.0) -> Points:
    """Pick one value out of a log; `first` thousand samples were seen before it began."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    rows = [line for line in lines if line["event"] == event and key in line]
    return [(first + row["samples"] / 1000, float(row[key])) for row in rows]


def draw(runs: Sequence[tuple[str, Path, float]]) -> Image.Image:
    """Draw loss, IoU and MAE of all runs side by side."""
    sheet = Image.new("RGB", (3 * WIDTH, HEIGHT), "white")
    parts = (("train", "loss", "training loss"), ("eval", "iou", "macro IoU"))
    for index, (event, key, title) in enumerate((*parts, ("eval", "mae", "macro MAE"))):
        curves = [
            Curve(name, COLOURS[place % len(COLOURS)], read_curve(log, event, key, first))
            for place, (name, log, first) in enumerate(runs)
        ]
        sheet.paste(_draw_panel(title, curves), (index * WIDTH, 0))
    return sheet


def _draw_panel(title: str, curves: Sequence[Curve]) -> Image.Image:
    panel = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(panel)
    pen.text((EDGE, 8), f"{title} by thousand samples", fill="black")
    values = [point for curve in curves for point in curve.points]
    if not values:
        return panel
    right = max(x for x, _ in values)
    low, high = min(y for _, y in values), max(y for _, y in values)
    low, high = low - 0.05 * (high - low), high + 0.05 * (high - low) + 1e-9

    def at(x: float, y: float) -> tuple[float, float]:
        across = EDGE + x / max(right, 1e-9) * (WIDTH - EDGE - 16)
        return across, HEIGHT - 28 - (y - low) / (high - low) * (HEIGHT - 60)

    for part in range(6):
        level, place = low + part / 5 * (high - low), right * part / 5
        pen.line([at(0, level), at(right, level)], fill="#e5e7eb")
        pen.text((4, at(0, level)[1] - 6), f"{level:.3f}", fill="#374151")
        pen.text((at(place, low)[0] - 8, HEIGHT - 22), f"{place:.0f}", fill="#374151")
    for row, curve in enumerate(curves):
        if len(curve.points) > 1:
            pen.line([at(*point) for point in curve.points], fill=curve.colour, width=2)
        pen.text((WIDTH - 110, 26 + 14 * row), curve.name, fill=curve.colour)
    return panel


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the runs named as NAME=LOG[@THOUSANDS SEEN BEFORE]."""
    parser = argparse.ArgumentParser(prog="python -m inference.training.curves")
    parser.add_argument("target", type=Path)
    parser.add_argument("runs", nargs="+", help="NAME=log.jsonl or NAME=log.jsonl@55.2")
    given = parser.parse_args(arguments)
    runs: list[tuple[str, Path, float]] = []
    for run in given.runs:
        name, _, rest = run.partition("=")
        log, _, first = rest.partition("@")
        runs.append((name, Path(log), float(first or 0)))
    draw(runs).save(given.target, optimize=True)


if __name__ == "__main__":
    main()
