"""What is committed of the simulation."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.simulation.tables import render

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def test_committed_tables_are_those_of_the_committed_figures() -> None:
    found = json.loads((RESULTS / "scale_sim.json").read_text(encoding="utf-8"))
    assert (RESULTS / "scale_sim.md").read_text(encoding="utf-8") == render(found)


def test_committed_figures_hold_the_goal() -> None:
    found = json.loads((RESULTS / "scale_sim.json").read_text(encoding="utf-8"))
    rows = found["workers_needed"]
    assert {row["tasks_per_s"] for row in rows} >= {1, 100_000}
    assert all(row["p99_ms"] <= found["goal_p99_ms"] for row in rows)
