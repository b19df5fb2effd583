"""How large must it be? A model of gateways, broker and workers, checked against a real run.

python -m benchmarks scale_sim [--quick] [--no-trial] [--json FILE] [--plot FILE.png]
    [--tables FILE.md] [--again FILE.json]

What the model gives is the same for the same seed; what the real run measures is not. The run takes
a real nats-server where `make nats` put one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.nats_server import find_server
from benchmarks.simulation import scenarios, trial, trial_batcher, trial_nats
from benchmarks.simulation.figures import measured
from benchmarks.simulation.tables import render
from benchmarks.timing import machine, write

LOADS = (0.5, 0.8, 0.95)


def simulate(*, is_quick: bool) -> dict[str, Any]:
    """Ask the model everything."""
    figures = measured()
    tasks = 1_000 if is_quick else 4_000
    return {
        "fed": figures.listed(),
        "goal_p99_ms": scenarios.GOAL_MS,
        "workers_needed": scenarios.workers_needed(figures, tasks, least_s=1 if is_quick else 20),
        "brokers": scenarios.brokers(tasks),
        "prefetch": scenarios.prefetching(figures, tasks),
        "floods": scenarios.floods(figures),
        "bursts": scenarios.bursts(figures, is_quick=is_quick),
    }


async def try_it(*, is_quick: bool) -> dict[str, Any]:
    """Run the real parts beside the model: at the same time, for they mostly sleep."""
    tasks, rounds = (60, 1) if is_quick else (150, 3)
    trials = {
        "embedded engine": trial.try_engine(trial.embedded, LOADS, tasks, rounds),
        "batcher": trial_batcher.try_batcher(LOADS, tasks, rounds),
    }
    program = find_program()
    if program:
        trials["NATS engine"] = trial_nats.try_broker(program, LOADS, 2 * tasks, rounds)
    found: dict[str, Any] = dict(zip(trials, await asyncio.gather(*trials.values()), strict=True))
    if program:
        found["NATS engine"]["nothing to do"] = await trial_nats.try_empty(program, 2 * tasks)
    return found


def find_program() -> str:
    """Find a nats-server; there may be none."""
    try:
        return find_server()
    except SystemExit:
        return ""


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Simulate and compare."""
    found = machine() | simulate(is_quick=options.quick)
    if not options.no_trial:
        logging.disable(logging.WARNING)  # the trial's broker syncs nothing, and says so
        found["trial"] = asyncio.run(try_it(is_quick=options.quick))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, compare, print; `--json` and `--plot` also write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale_sim", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer tasks: within a minute")
    parser.add_argument("--no-trial", action="store_true", help="the model alone")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="a PNG")
    parser.add_argument("--tables", type=Path, help="Markdown")
    parser.add_argument("--again", type=Path, help="draw what an earlier run found")
    options = parser.parse_args(arguments)
    found = json.loads(options.again.read_text()) if options.again else run(options)
    print(render(found))
    write(found, options.json)
    if options.tables:
        options.tables.write_text(render(found), encoding="utf-8")
    if options.plot:
        from benchmarks.simulation.charts import draw

        draw(found, options.plot)


if __name__ == "__main__":
    main()
