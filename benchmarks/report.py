"""The committed figures as pages: results/performance.md, the plots, and the README's section.

    python -m benchmarks report [--check]

Reads what the benchmarks wrote with `--json benchmarks/results/NAME.json`, and measures nothing.
`--check` writes nothing, and exits with 1 where a page says something else than the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.goals import COMMANDS, Found, Goal, judge
from benchmarks.tables import (
    engines_table,
    kill_table,
    number,
    origin,
    peer_names,
    peers_table,
    scaling_table,
    table,
)

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE, README = RESULTS / "performance.md", ROOT / "README.md"
BEGIN, END = "<!-- performance:begin -->", "<!-- performance:end -->"
PEERS = "A 1.5 MP JPEG → PNG cut-out by the same network of u2netp's shape on the CPU, 8 clients,"
MADE = "<!-- made by `python -m benchmarks report` -->"


def read_results(folder: Path = RESULTS) -> dict[str, Any]:
    """Read the figures of every benchmark that has some."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def command_of(benchmark: str) -> str:
    """Write the command that makes a benchmark's figures."""
    option = f"--json benchmarks/results/{benchmark}.json"
    command = COMMANDS.get(benchmark, f"python -m benchmarks {benchmark}")
    return command.format(json=option) if "{json}" in command else f"{command} {option}"


def render_page(results: Mapping[str, Found]) -> str:
    """Write the whole report."""
    parts = [MADE, "## Goals", goals_table(results), origins(results)]
    if "peers" in results:
        parts += ["## Beside other servers", peers_table(dict(results["peers"]))]
    if "stages" in results:
        parts += ["## Stages, the network aside", stages_table(results["stages"])]
    if "engines" in results:
        parts += ["## Beyond one machine", engines_table(dict(results["engines"]))]
    if "kill" in results:
        parts += ["## Killed at random moments", kill_table(dict(results["kill"]))]
    if "scaling" in results:
        parts += ["## How cost grows", scaling_table(dict(results["scaling"]))]
    return "\n\n".join(parts) + "\n"


def goals_table(results: Mapping[str, Found]) -> str:
    """List every goal, what was measured, and whether it is met."""
    rows = [
        (goal.benchmark, goal.what, goal.bound, _written(found), _verdict(goal, found))
        for goal, found in judge(results)
    ]
    return table(("benchmark", "figure", "goal", "measured", ""), rows)


def _written(found: float | None) -> str:
    return "–" if found is None else number(float(found))


def _verdict(goal: Goal, found: float | None) -> str:
    if found is None:
        return "not measured"
    return "met" if goal.is_met(found) else "**not met**"


def origins(results: Mapping[str, Found]) -> str:
    """Say of each benchmark when, on what and how it was measured."""
    used = {goal.benchmark for goal, _ in judge(results)} | {"scaling"}
    rows = [
        (name, origin(dict(found)), f"`{command_of(name)}`")
        for name, found in results.items()
        if name in used
    ]
    return table(("benchmark", "measured", "command"), rows)


def stages_table(found: Found) -> str:
    """Write `stages.json`: the sum of each size."""
    sizes = [(size, part) for size, part in found.items() if isinstance(part, dict)]
    rows = [(size, part["ours_ms"], part["rembg_ms"], part["ratio"]) for size, part in sizes]
    return table(("size", "ours, CPU ms", "rembg's way, CPU ms", "ratio"), rows)


def render_section(results: Mapping[str, Found]) -> str:
    """Write the README's section: the servers side by side, and what is not met."""
    parts = []
    if peers := results.get("peers"):
        parts += [
            f"{PEERS} {origin(dict(peers))}:",
            _side_by_side(peers),
            f"`make bench-setup && {command_of('peers')}`",
            "![Rate, CPU time, latency and memory over clients](benchmarks/results/peers.png)",
        ]
    judged = list(judge(results))
    measured = [(goal, found) for goal, found in judged if found is not None]
    missed = [(goal, found) for goal, found in measured if not goal.is_met(found)]
    parts.append(
        f"Of {len(judged)} goals {len(measured)} are measured and {len(measured) - len(missed)} "
        "met ([all figures](benchmarks/results/performance.md), "
        "[how they are made](docs/pages/benchmarks.md))."
    )
    if missed:
        parts.append("Not met:")
        lines = (
            f"- {goal.benchmark}: {_whole(goal, [g for g, _ in judged])}: "
            f"{number(float(found))}, goal {goal.bound}"
            for goal, found in missed
        )
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _whole(goal: Goal, goals: Sequence[Goal]) -> str:
    """Write out what `…` continues."""
    if not goal.what.startswith("…"):
        return goal.what
    before = goals[: goals.index(goal)]
    stem = next(other.what for other in reversed(before) if not other.what.startswith("…"))
    return f"{stem} {goal.what}"


def _side_by_side(peers: Found) -> str:
    keys = ("cpu_s_per_picture", "per_s", "p95_over_p50", "rss_mb", "cold_start_s")
    head = ("", "CPU s a picture", "pictures/s", "p95/p50", "peak MB", "cold start, s")
    return table(
        head, ((name, *(peers[name][key] for key in keys)) for name in peer_names(dict(peers)))
    )


def put_section(text: str, section: str) -> str:
    """Put the section between its marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{section}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write all pages, or check them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    results = read_results()
    pages = {
        PAGE: render_page(results),
        README: put_section(README.read_text(encoding="utf-8"), render_section(results)),
    }
    stale = [
        path
        for path, text in pages.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if options.check:
        for path in stale:
            print(f"{path.name} is not what the figures give: run `python -m benchmarks report`")
        sys.exit(bool(stale))
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")
    draw_plots(results)


def draw_plots(results: Mapping[str, Found]) -> None:
    """Draw what can be drawn, beside the figures."""
    from benchmarks.plots import plot_peers, plot_scaling

    for name, plot in (("peers", plot_peers), ("scaling", plot_scaling)):
        if name in results:
            plot(dict(results[name]), RESULTS / f"{name}.png")


if __name__ == "__main__":
    main()
