"""Alpha matting against closed-form matting and rembg: error to the true alpha, time and memory.

    python -m benchmarks matting --data FOLDER [--json FILE] [--sheet FILE] [--quick]

The folder is that of `quality.py`; its `am_` pictures have a true alpha. Each is matted by its
trimaps and by that of the embedded network's own mask (`net`: thresholds 240 and 10, eroded by 10).

- mse, sad: mean squared error x 1000, summed error / 1000, over the trimap's unknown pixels. Ratios
  are ours over closed-form's, means over pictures; `halves` parts the pictures that the parameters
  were tuned on from the rest. `losses` names every picture where ours is the worse.
- 1mp, 4mp, 12mp: the whole step, from mask to cut-out with foreground colours, in turn with
  rembg's `alpha_matting_cutout`, on pictures enlarged to that size with noise of one level and with
  the network's own mask. `ratio` is rembg's time over ours. Both use one thread.
- exact: `solve_exactly` against pymatting's `estimate_alpha_cf`: largest difference, times, and how
  much more memory a process took at its peak.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import PeakMemory
from benchmarks.mask_figures import measure_matting
from benchmarks.quality import Truth, open_model, read_grey, read_truths
from benchmarks.timing import Work, machine, write
from inference.picture import Picture
from inference.steps.compose import cut_out
from inference.steps.exact_matting import solve_exactly
from inference.steps.matting import estimate_alpha
from inference.steps.trimap import UNKNOWN, make_trimap

Bytes = NDArray[np.uint8]
Reals = NDArray[np.float64]
Segment = Callable[[Image.Image], NDArray[np.float32]]

THRESHOLDS = (240, 10, 10)  # rembg's: foreground, background, erosion
TUNED = {"am_GT01", "am_GT05", "am_GT09", "am_GT13", "am_GT15", "am_GT18", "am_GT21"}
OURS_EACH = 5  # runs of ours to one of theirs, which takes as long as a hundred


def closed_form(rgb: Bytes, trimap: Bytes) -> Reals:
    from pymatting import estimate_alpha_cf

    return np.asarray(estimate_alpha_cf(rgb / 255, trimap / 255))


def to_bytes(alpha: NDArray[Any]) -> Bytes:
    return np.rint(alpha * 255).astype(np.uint8)


def trimaps_of(truth: Truth, mask: Bytes) -> dict[str, Bytes]:
    """The picture's own trimaps and the network's."""
    names = truth.row["trimaps"].split(";")
    found = {name.rsplit("_", 1)[1].split(".")[0]: read_grey(truth.folder / name) for name in names}
    return {**found, "net": make_trimap(mask, *THRESHOLDS)}


def judge(truth: Truth, segment: Segment) -> tuple[list[dict[str, Any]], list[Image.Image]]:
    """The figures of one picture for each trimap, and a row for each loss."""
    picture = truth.open_picture()
    rgb, mask = np.asarray(picture), to_bytes(segment(picture))
    found, rows = [], []
    for kind, trimap in trimaps_of(truth, mask).items():
        unknown = trimap == UNKNOWN
        begun = time.perf_counter()
        ours = estimate_alpha(rgb, trimap, mask)
        between = time.perf_counter()
        theirs = closed_form(rgb, trimap)
        ended = time.perf_counter()
        mine, other = (measure_matting(a, truth.alpha, unknown) for a in (ours / 255, theirs))
        one: dict[str, Any] = {"picture": truth.name, "trimap": kind}
        one["unknown_share"] = round(float(unknown.mean()), 4)
        for key in ("mse", "sad"):
            one[key] = {"ours": round(mine[key], 5), "closed_form": round(other[key], 5)}
            one[f"{key}_ratio"] = round(mine[key] / other[key], 3)
        one["ms"] = {"ours": round((between - begun) * 1e3, 1)}
        one["ms"]["closed_form"] = round((ended - between) * 1e3, 1)
        found.append(one)
        if max(one["mse_ratio"], one["sad_ratio"]) > 1:
            rows.append(
                draw_row(one, (picture, trimap, to_bytes(truth.alpha), to_bytes(theirs), ours))
            )
    return found, rows


def draw_row(one: dict[str, Any], cells: Sequence[Any], side: int = 300) -> Image.Image:
    """Picture, trimap, truth, closed form, ours, and a line of text."""
    row = Image.new("RGB", (side * len(cells), side + 14))
    for place, cell in enumerate(cells):
        small = (cell if isinstance(cell, Image.Image) else Image.fromarray(cell)).convert("RGB")
        small.thumbnail((side, side))
        row.paste(small, (place * side, 0))
    text = f"{one['picture']} {one['trimap']}: mse x{one['mse_ratio']}, sad x{one['sad_ratio']}"
    ImageDraw.Draw(row).text((2, side), f"{text} (truth, closed form, ours)", fill="white")
    return row


def summarise(judged: list[dict[str, Any]]) -> dict[str, Any]:
    """Ratios of the means over pictures, and the worst picture's."""
    found: dict[str, Any] = {"count": len(judged)}
    for key in ("mse", "sad"):
        mine, other = ([one[key][who] for one in judged] for who in ("ours", "closed_form"))
        found[f"{key}_ratio"] = round(float(np.mean(mine) / np.mean(other)), 3)
        found[f"mean_{key}_ratio"] = round(statistics.mean(o[f"{key}_ratio"] for o in judged), 3)
        found[f"worst_{key}_ratio"] = max(one[f"{key}_ratio"] for one in judged)
    return found


def report(judged: list[dict[str, Any]]) -> dict[str, Any]:
    kinds = sorted({one["trimap"] for one in judged})
    whole = summarise(judged)
    losses = [one for one in judged if max(one["mse_ratio"], one["sad_ratio"]) > 1]
    losses.sort(key=lambda one: -max(one["mse_ratio"], one["sad_ratio"]))

    def by_kind(some: list[dict[str, Any]]) -> dict[str, Any]:
        return {kind: summarise([o for o in some if o["trimap"] == kind]) for kind in kinds}

    return {
        "mse_ratio": whole["mse_ratio"],
        "sad_ratio": whole["sad_ratio"],
        "trimaps": by_kind(judged),
        "halves": {
            "tuned on": by_kind([one for one in judged if one["picture"] in TUNED]),
            "held out": by_kind([one for one in judged if one["picture"] not in TUNED]),
        },
        "losses": [
            {key: one[key] for key in ("picture", "trimap", "mse_ratio", "sad_ratio")}
            for one in losses
        ],
        "pictures": judged,
    }


def enlarge(truth: Truth, megapixels: float) -> Image.Image:
    """Bring a picture to a size; noise makes up for the detail that it cannot have."""
    picture = truth.open_picture()
    factor = (megapixels * 1e6 / (picture.width * picture.height)) ** 0.5
    size = round(picture.width * factor), round(picture.height * factor)
    large = np.asarray(picture.resize(size, Image.Resampling.LANCZOS), np.float32)
    noise = np.random.default_rng(1).normal(0, 1, large.shape).astype(np.float32)
    return Image.fromarray(np.rint(np.clip(large + noise, 0, 255)).astype(np.uint8))


def timed_ms(work: Work) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def measure_step(picture: Image.Image, mask: Bytes, rounds: int) -> dict[str, Any]:
    """Time the whole step in turn with rembg's."""
    from rembg.bg import alpha_matting_cutout

    rgb, their_mask = np.asarray(picture), Image.fromarray(mask)

    def ours() -> object:
        alpha = estimate_alpha(rgb, make_trimap(mask, *THRESHOLDS), mask)
        return cut_out(Picture(rgb), alpha)

    ours()
    mine, other = [], []
    for _ in range(rounds):
        mine += [timed_ms(ours) for _ in range(OURS_EACH)]
        other.append(timed_ms(lambda: alpha_matting_cutout(picture, their_mask, *THRESHOLDS)))
        mine += [timed_ms(ours) for _ in range(OURS_EACH)]
    ours_ms, rembg_ms = statistics.median(mine), statistics.median(other)
    return {
        "unknown_share": round(float((make_trimap(mask, *THRESHOLDS) == UNKNOWN).mean()), 4),
        "ours_ms": round(ours_ms, 1),
        "rembg_ms": round(rembg_ms, 1),
        "ratio": round(rembg_ms / ours_ms, 1),
    }


def measure_size(
    truths: list[Truth], segment: Segment, megapixels: float, rounds: int
) -> dict[str, Any]:
    """Medians over the pictures that are timed."""
    found = {}
    for truth in truths:
        picture = enlarge(truth, megapixels)
        found[truth.name] = measure_step(picture, to_bytes(segment(picture)), rounds)
        print(f"{megapixels:5} MP {truth.name}: {found[truth.name]}", flush=True)
    keys = ("ours_ms", "rembg_ms", "ratio")
    means = {key: round(statistics.median(one[key] for one in found.values()), 1) for key in keys}
    return {**means, "pictures": found}


def exact(rgb: Bytes, trimap: Bytes) -> Reals:
    return solve_exactly(rgb, trimap, lambda: None)


def warm_up() -> None:
    """Load both exact solvers' kernels."""
    rgb = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    trimap = np.full((40, 40), UNKNOWN, np.uint8)
    trimap[:10], trimap[30:] = 0, 255
    for solve in (exact, closed_form):
        solve(rgb, trimap)


def peak_growth(solve: Callable[[Bytes, Bytes], Reals], rgb: Bytes, trimap: Bytes) -> float:
    """Megabytes by which a solve raises this process's memory at its peak."""
    warm_up()
    process = psutil.Process()
    before = process.memory_info().rss
    with PeakMemory(process, every_s=0.005) as memory:
        solve(rgb, trimap)
    return (max(memory.peak_bytes, before + 1) - before) / 1e6


def measure_exact(truth: Truth, segment: Segment, megapixels: float, rounds: int) -> dict[str, Any]:
    """Compare the exact method with pymatting, each in a process of its own for the memory."""
    picture = enlarge(truth, megapixels)
    rgb, trimap = np.asarray(picture), make_trimap(to_bytes(segment(picture)), *THRESHOLDS)
    warm_up()
    mine, other = [], []
    off = exact(rgb, trimap) - closed_form(rgb, trimap)[trimap == UNKNOWN]
    for _ in range(rounds):
        mine.append(timed_ms(lambda: exact(rgb, trimap)))
        other.append(timed_ms(lambda: closed_form(rgb, trimap)))
    peaks = []
    for solve in (exact, closed_form):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peaks.append(pool.apply(peak_growth, (solve, rgb, trimap)))
    ours_ms, their_ms = statistics.median(mine), statistics.median(other)
    return {
        "picture": truth.name,
        "largest_difference": float(np.abs(off).max()),
        "exact_ms": round(ours_ms, 1),
        "pymatting_ms": round(their_ms, 1),
        "ratio": round(their_ms / ours_ms, 2),
        "exact_peak_mb": round(peaks[0], 1),
        "pymatting_peak_mb": round(peaks[1], 1),
        "peak_share": round(peaks[0] / peaks[1], 3),
    }


def print_report(found: dict[str, Any]) -> None:
    for part in ("trimaps", "losses", "exact", "mse_ratio", "sad_ratio"):
        print(f"{part}: {found[part]}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks matting", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path, help="the losing pictures")
    parser.add_argument("--quick", action="store_true", help="one picture a size, not 12 MP")
    parser.add_argument("--note", default="", help="a word about the machine, for the figures")
    given = parser.parse_args(arguments)
    import numba

    numba.set_num_threads(1)  # pymatting's kernels are parallel; ours use one core, so do they
    warnings.filterwarnings("ignore", module="pymatting")
    truths = [truth for truth in read_truths(given.data) if truth.group == "am"]
    segment, _ = open_model("embedded", 1)
    judged, rows = [], []
    for truth in truths:
        some, drawn = judge(truth, segment)
        judged += some
        rows += drawn
    timed = truths[::5][:3]
    sizes = {"1mp": (1.0, timed, 3), "4mp": (4.0, timed, 1), "12mp": (12.0, timed[:1], 1)}
    if given.quick:
        sizes = {"1mp": (1.0, timed[:1], 1), "4mp": (4.0, timed[:1], 1)}
    found: dict[str, Any] = {**machine(), "note": given.note}
    for name, (megapixels, some_truths, rounds) in sizes.items():
        found[name] = measure_size(some_truths, segment, megapixels, rounds)
    found["exact"] = {"1mp": measure_exact(timed[0], segment, 1.0, 1 if given.quick else 3)}
    if not given.quick:
        found["exact"]["4mp"] = measure_exact(timed[0], segment, 4.0, 1)
    found |= report(judged)
    print_report(found)
    write(found, given.json)
    if given.sheet and rows:
        Image.fromarray(np.vstack([np.asarray(row) for row in rows])).save(given.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
