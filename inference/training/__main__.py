"""Command line: train from data folders, or go on with a run that was stopped."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import torch

from inference.training.network import SHAPES
from inference.training.schedule import SIZES, Budget, largest_size
from inference.training.sources import load_stock
from inference.training.train import Plan, Trainer


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments, load the pictures, train."""
    given = _parser().parse_args(arguments)
    device = torch.device(given.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    torch.set_num_threads(given.threads)
    plan = _plan(given, device)
    largest = largest_size(plan.sizes or SIZES[plan.preset])
    stock = load_stock(given.data, max_side=max(256, round(largest * 1.7)))
    print(stock.describe(), flush=True)
    Trainer(plan, device).run(stock)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference.training", description=__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True, help="repeatable")
    parser.add_argument("--out", type=Path, required=True, help="run folder; resumed if not empty")
    parser.add_argument("--eval", type=Path, help="labelled folder to follow the run with")
    parser.add_argument("--eval-size", type=int, default=0, help="0: by the training size")
    parser.add_argument("--preset", choices=sorted(SHAPES), default="cpu")
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--samples", type=int, default=0)
    parser.add_argument("--sizes", help="like 0:128,0.5:192 (part of the budget : picture size)")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--photo-share", type=float, default=0.35)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--init", type=Path, help="start from this checkpoint's averaged weights")
    parser.add_argument("--device")
    parser.add_argument("--no-bf16", action="store_true", help="float32 even on a GPU")
    return parser


def _plan(given: argparse.Namespace, device: torch.device) -> Plan:
    minutes = given.minutes if given.minutes or given.samples else 60.0
    sizes = tuple(
        (float(part.split(":")[0]), int(part.split(":")[1]))
        for part in (given.sizes or "").split(",")
        if part
    )
    return Plan(
        out=given.out,
        preset=given.preset,
        budget=Budget(minutes, given.samples),
        sizes=sizes,
        seed=given.seed,
        batch=given.batch,
        photo_share=given.photo_share,
        peak_rate=given.rate,
        workers=given.workers,
        eval_folder=given.eval,
        eval_size=given.eval_size,
        init=given.init,
        # On CPUs without native bf16 it is ten times slower than float32.
        bf16=device.type == "cuda" and not given.no_bf16,
    )


if __name__ == "__main__":
    main()
