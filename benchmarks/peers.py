"""Cutwire and what else one would run: the same network, the same pictures, in turn.

    python -m benchmarks peers [--quick] [--peers a,b] [--json FILE] [--plot FILE] [--markdown FILE]

A 1.5 MP JPEG → RGBA PNG cut-out over HTTP, at 1 to 16 clients that each ask for one picture after
another. The peers: rembg's own server as it comes and with one thread (`rembg-1-thread`), LitServe
and mosec with rembg's steps in a process of one thread for each core. `make bench-setup` builds
their environments. All run one ONNX file, made by `network.py`; `cutwire-int8` its int8 variant.

- Alpha matting with Cutwire and rembg, whose matting takes 3 GB for each client: with two at most.
- Each round starts the servers one after another, in an order that turns; medians of the rounds.
- `cpu_s_per_picture`: user and system time of all its processes. `peak_mb`: their resident memory.
- `per_s`, `p50_ms`, `p95_ms`: without the first and last wave of a level.
- `raw_ort_share`: Cutwire's rate at 8 clients over that of its session alone, with a thread for
  each core, run before and after it; `raw_ort_cpu_share` the same in CPU seconds, which other
  programs of a busy machine disturb less.
- `p95_over_p50` and `cpu_s_per_picture` of a server are those at 8 clients, `rss_mb` its peak.
"""

from __future__ import annotations

import argparse
import io
import signal
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.contenders import Contender, contenders, started
from benchmarks.harness import photograph
from benchmarks.load import RawSession, run_level
from benchmarks.network import SIDE, Floats, make_network, quantise
from benchmarks.quality import open_model
from benchmarks.tables import peers_table
from benchmarks.timing import machine, write

MEGAPIXELS, GRAIN = 1.5, 3.0
LEVELS, MATTING_LEVELS = (1, 2, 4, 8, 16), (1, 2)
JUDGED = 8
"""The level whose figures stand for a server."""
MEAN, DEVIATION = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is run."""

    rounds: int
    levels: tuple[int, ...]
    matting_levels: tuple[int, ...]
    pictures: int
    """At least so many at each level,"""
    waves: int
    """and so many of each client."""
    raw_s: float
    """How long the session alone is run, each time."""


FULL = Plan(rounds=3, levels=LEVELS, matting_levels=MATTING_LEVELS, pictures=16, waves=4, raw_s=5.0)
QUICK = Plan(rounds=1, levels=(1, 8), matting_levels=(), pictures=4, waves=3, raw_s=2.0)


def grainy_photograph(seed: int = 0) -> bytes:
    """Make a JPEG with the grain of a sensor, whose cut-out is as large as a real one's."""
    rgb = np.asarray(Image.open(io.BytesIO(photograph(MEGAPIXELS))))
    grain = np.random.default_rng(seed).normal(0, GRAIN, rgb.shape)
    jpeg = io.BytesIO()
    Image.fromarray((rgb + grain).round().clip(0, 255).astype(np.uint8)).save(
        jpeg, "JPEG", quality=90
    )
    return jpeg.getvalue()


def make_files(folder: Path, jpegs: Sequence[bytes], needs_int8: bool) -> tuple[Path, Path]:
    """Make the network, its mask that of the embedded one for the picture, and its int8 variant."""
    segment, _ = open_model("embedded", threads=1)
    picture = Image.open(io.BytesIO(jpegs[0])).convert("RGB").resize((SIDE, SIDE))
    mask = np.asarray(segment(picture), np.float32)
    model, model_int8 = folder / "u2netp_shaped.onnx", folder / "u2netp_shaped_int8.onnx"
    make_network(model, mask)
    if needs_int8:
        quantise(model, model_int8, [_prepared(jpeg) for jpeg in jpegs])
    return model, model_int8


def _prepared(jpeg: bytes) -> Floats:
    picture = Image.open(io.BytesIO(jpeg)).convert("RGB")
    small = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    scaled = (small / max(small.max(), 1) - MEAN) / DEVIATION
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None].astype(np.float32))


def check_picture(name: str, png: bytes, jpeg: bytes) -> None:
    """Refuse a server that does not do the work: a cut-out of the picture's size."""
    with Image.open(io.BytesIO(png)) as cut, Image.open(io.BytesIO(jpeg)) as picture:
        low, high = cut.convert("RGBA").getchannel("A").getextrema()
        if cut.format != "PNG" or cut.size != picture.size or (low, high) != (0, 255):
            raise RuntimeError(f"{name}: not a cut-out: {cut.format}, {cut.size}, {low}…{high}")


def measure_server(
    contender: Contender, plan: Plan, jpegs: Sequence[bytes], raw: RawSession, folder: Path
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Start one server, run all levels; return a row for each, and what was seen besides."""
    rows: list[dict[str, Any]] = []
    seen: dict[str, Any] = {}
    plain, matted = ([contender.ask(jpeg, mattes) for jpeg in jpegs] for mattes in (False, True))
    with started(contender, folder / contender.name, jpegs[0]) as server:
        seen["cold_start_s"] = round(server.cold_start_s, 2)
        check_picture(contender.name, server.first, jpegs[0])
        seen["png_bytes"] = len(server.first)
        run_level(server.port, server.tree, plain, 2, 4)
        for clients in plan.levels:
            is_judged = contender.name == "cutwire" and clients == JUDGED
            before = raw.measure(plan.raw_s) if is_judged else None
            row = run_level(
                server.port, server.tree, plain, clients, max(plan.pictures, plan.waves * clients)
            )
            rows.append({"peer": contender.name, "matting": False, **row})
            print(rows[-1], flush=True)
            if before:
                seen |= _shares(row, before, raw.measure(plan.raw_s))
        if plan.matting_levels and contender.can_matte:
            run_level(server.port, server.tree, matted, 1, 1)
            for clients in plan.matting_levels:
                row = run_level(server.port, server.tree, matted, clients, max(4, 2 * clients))
                rows.append({"peer": contender.name, "matting": True, **row})
                print(rows[-1], flush=True)
    return rows, seen


def _shares(row: dict[str, Any], *raw: tuple[float, float]) -> dict[str, Any]:
    rate, cpu_s = (statistics.mean(each) for each in zip(*raw, strict=True))
    return {
        "raw_ort_per_s": round(rate, 3),
        "raw_ort_cpu_s": round(cpu_s, 4),
        "raw_ort_share": round(row["per_s"] / rate, 3),
        "raw_ort_cpu_share": round(cpu_s / row["cpu_s_per_picture"], 3),
    }


def measure(chosen: list[Contender], plan: Plan, folder: Path, jpegs: list[bytes], model: Path):
    """Run all rounds; return what `--json` writes."""
    raw = RawSession(model, _prepared(jpegs[0]))
    rows: list[dict[str, Any]] = []
    seen: dict[str, list[dict[str, Any]]] = {one.name: [] for one in chosen}
    for number in range(plan.rounds):
        turn = number % len(chosen)
        for contender in (*chosen[turn:], *chosen[:turn]):
            print(f"round {number + 1} of {plan.rounds}: {contender.name}", flush=True)
            measured, besides = measure_server(contender, plan, jpegs, raw, folder)
            rows += [{"round": number, **row} for row in measured]
            seen[contender.name].append(besides)
    found: dict[str, Any] = {one.name: summarise(rows, seen, one.name) for one in chosen}
    for key in ("raw_ort_share", "raw_ort_cpu_share", "raw_ort_per_s", "raw_ort_cpu_s"):
        each = [besides[key] for besides in seen.get("cutwire", []) if key in besides]
        if each:
            found[key] = round(statistics.median(each), 4)
    return {**found, "picture_bytes": len(jpegs[0]), "rounds": plan.rounds, "rows": rows}


def summarise(
    rows: list[dict[str, Any]], seen: dict[str, list[dict[str, Any]]], name: str
) -> dict[str, Any]:
    """Medians of the rounds, at each level and with and without matting."""
    mine = [row for row in rows if row["peer"] == name]
    keys = ("per_s", "p50_ms", "p95_ms", "p95_over_p50", "cpu_s_per_picture", "peak_mb")

    def at(matting: bool) -> dict[str, Any]:
        some = [row for row in mine if row["matting"] == matting]
        return {
            str(clients): {
                key: round(statistics.median(r[key] for r in some if r["clients"] == clients), 4)
                for key in keys
            }
            for clients in sorted({row["clients"] for row in some})
        }

    plain = at(False)
    judged = plain[str(JUDGED)]
    return {
        "cpu_s_per_picture": judged["cpu_s_per_picture"],
        "rss_mb": max(row["peak_mb"] for row in mine if not row["matting"]),
        "p95_over_p50": judged["p95_over_p50"],
        "per_s": judged["per_s"],
        "cold_start_s": statistics.median(each["cold_start_s"] for each in seen[name]),
        "png_bytes": seen[name][0]["png_bytes"],
        "levels": plain,
        "matting": at(True),
    }


def choose(names: Sequence[str], known: dict[str, Contender]) -> list[Contender]:
    """Take those that were asked for and are installed; say which are not."""
    if unknown := set(names) - known.keys():
        sys.exit(f"peers: there is no {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    for name in names:
        if not known[name].is_installed:
            print(f"{name} is left out: its environment is missing; run `make bench-setup`")
    return [known[name] for name in names if known[name].is_installed]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; the options also write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="cutwire and rembg, 1 and 8 clients")
    parser.add_argument("--peers", help="names, joined by commas; default: all")
    parser.add_argument("--rounds", type=int, help="default: 3")
    for name in ("--json", "--plot", "--markdown"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else FULL
    if options.rounds:
        plan = Plan(**{f: getattr(plan, f) for f in plan.__slots__} | {"rounds": options.rounds})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers are stopped then, too
    with tempfile.TemporaryDirectory(prefix="cutwire-peers-") as name:
        folder = Path(name)
        files = folder / "u2netp_shaped.onnx", folder / "u2netp_shaped_int8.onnx"
        known = contenders(*files)
        names = "cutwire,rembg" if options.quick else ",".join(known)
        chosen = choose((options.peers or names).split(","), known)
        jpegs = [grainy_photograph(seed) for seed in range(3)]
        make_files(folder, jpegs, "cutwire-int8" in {one.name for one in chosen})
        found = {**machine(), **measure(chosen, plan, folder, jpegs, files[0])}
    print(peers_table(found))
    write(found, options.json)
    if options.markdown:
        options.markdown.write_text(peers_table(found) + "\n", encoding="utf-8")
    if options.plot:
        from benchmarks.plots import plot_peers

        plot_peers(found, options.plot)


if __name__ == "__main__":
    main()
