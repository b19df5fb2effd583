"""How good is the fill behind imageErase, and how long does it take?

    python -m benchmarks erase [--data FOLDER] [--quick] [--json FILE] [--sheet FILE]

The folder holds `manifest.csv` (file, mask, mask_kind); the picture itself is the truth under the
mask. Against OpenCV's Telea and Navier-Stokes fills (radius 5; left out, saying so, where OpenCV is
not installed) and scikit-image's biharmonic one. `--quick` takes every seventh mask, at 800 pixels.

- `psnr`, `ssim`: over the pixels of the hole. They reward a smooth guess over a plausible one.
- `texture`: mean gradient inside the hole, as a share of the truth's.
- `seam`: mean step across the hole's outline, as a share of the truth's.
- `texture_error`, `seam_error`: |log| of these; 0 is as in the truth, 0.69 half or twice as much.
- `cpu_s`, `wall_s`: all threads' time and the wall's, one fill at a time.

`large` is a round hole of a tenth of a picture of 2 MP.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.harness import photograph
from benchmarks.timing import machine, write
from inference.coding import PictureLimits, decode
from inference.picture import Picture
from inference.steps.erase import fill_hole
from inference.steps.holes import Hole, find_window, make_hole

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Fill = Callable[[Bytes, Hole], Bytes]
Figures = dict[str, float]

DATA = Path(__file__).parents[2] / "shared/data/erase_dev"
OURS = "patches"
JUDGED = ("texture_error", "seam_error")
HIDDEN = (255, 0, 255)
QUICK_EVERY, QUICK_SIDE = 7, 800
RADIUS = 5
SSIM_REACH = 8
ROUNDS = 5
CELL, LABEL = 400, 14


def patches(rgb: Bytes, hole: Hole) -> Bytes:
    """Ours."""
    return fill_hole(rgb, hole, lambda: None)


def biharmonic(rgb: Bytes, hole: Hole) -> Bytes:
    """Fill with scikit-image."""
    from skimage.restoration import inpaint_biharmonic

    filled = inpaint_biharmonic(rgb, hole.inside, channel_axis=-1)
    return np.asarray(np.rint(filled.clip(0, 1) * 255), np.uint8)


def opencv(method: str) -> Fill:
    """Fill with OpenCV."""

    def fill(rgb: Bytes, hole: Hole) -> Bytes:
        import cv2

        mask = hole.inside.astype(np.uint8)
        return np.asarray(cv2.inpaint(rgb, mask, RADIUS, getattr(cv2, method)))

    return fill


def fills() -> dict[str, Fill]:
    """Ours first, then what it is compared with."""
    found: dict[str, Fill] = {OURS: patches, "biharmonic": biharmonic}
    if importlib.util.find_spec("cv2"):
        found["telea"] = opencv("INPAINT_TELEA")
        found["navier-stokes"] = opencv("INPAINT_NS")
    return found


@dataclass(frozen=True, slots=True)
class Example:
    """A picture, the hole in it, and the manifest's names for both."""

    mask: str
    kind: str
    rgb: Bytes
    hole: Hole


def read_examples(folder: Path, *, every: int = 1, side: int = 0) -> Iterator[Example]:
    """Read every nth mask and its picture, shrunk to a longest side if one is given."""

    def opened(name: str) -> Image.Image:
        path = folder / name
        # The manifest may name files from the folder that holds the split's folder.
        return Image.open(path if path.exists() else folder / name.split("/", 1)[1]).convert("RGB")

    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    for row in rows[::every]:
        image, mask = opened(row["file"]), opened(row["mask"])
        if side:
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
        mask = mask.resize(image.size, Image.Resampling.NEAREST)
        rgb = np.asarray(image)
        hole = make_hole(Picture(rgb), Picture(np.asarray(mask)), is_drawn=False)
        assert hole is not None, f"{row['mask']} is black all over"
        yield Example(Path(row["mask"]).stem, row["mask_kind"], rgb, hole)


def measure_texture(rgb: Bytes, inside: NDArray[np.bool_]) -> float:
    """Mean length of the grey gradient over the pixels inside."""
    grey = np.asarray(rgb, np.float32).mean(axis=2)
    down = np.diff(grey, axis=0, append=grey[-1:])
    right = np.diff(grey, axis=1, append=grey[:, -1:])
    return float(np.hypot(down, right)[inside].mean())


def measure_seam(rgb: Bytes, inside: NDArray[np.bool_]) -> float:
    """Mean difference between neighbours of which one is in the hole and the other is not."""
    pixels = np.asarray(rgb, np.float32)
    down, right = inside[1:] != inside[:-1], inside[:, 1:] != inside[:, :-1]
    steps = [
        np.abs(pixels[1:] - pixels[:-1]).mean(axis=2)[down],
        np.abs(pixels[:, 1:] - pixels[:, :-1]).mean(axis=2)[right],
    ]
    return float(np.concatenate(steps).mean())


def judge(example: Example, filled: Bytes) -> Figures:
    """Compare a filled picture with the truth."""
    from skimage.metrics import structural_similarity

    outside = ~example.hole.inside
    assert (filled[outside] == example.rgb[outside]).all(), "pixels outside the hole were changed"
    near = find_window(example.hole.inside, SSIM_REACH)
    truth, filled, inside = example.rgb[near], filled[near], example.hole.inside[near]
    error = float(np.square(filled[inside].astype(float) - truth[inside]).mean())
    ssim = structural_similarity(truth, filled, channel_axis=2, full=True)[1]
    texture = measure_texture(filled, inside) / max(measure_texture(truth, inside), 1e-3)
    seam = measure_seam(filled, inside) / max(measure_seam(truth, inside), 1e-3)
    return {
        "psnr": float(10 * np.log10(255**2 / max(error, 1e-6))),
        "ssim": float(ssim.mean(axis=2)[inside].mean()),
        "texture": texture,
        "texture_error": float(abs(np.log(max(texture, 1e-3)))),
        "seam": seam,
        "seam_error": float(abs(np.log(max(seam, 1e-3)))),
    }


def timed(fill: Fill, rgb: Bytes, hole: Hole) -> tuple[Bytes, Figures]:
    """Fill a picture whose hole shows nothing of what it held."""
    seen = rgb.copy()
    seen[hole.inside] = HIDDEN
    wall, cpu = time.perf_counter(), time.process_time()
    filled = fill(seen, hole)
    took = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    return filled, took


def time_large(rounds: int) -> Figures:
    """Time our fill of a round hole of a tenth of 2 MP: medians, after a run that warms up."""
    rgb = decode(photograph(2.0, seed=1), parameter="image", limits=PictureLimits()).rgb
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    middle = rgb.shape[0] / 2
    square = np.square(rows - middle) + np.square(columns - middle)
    inside = square < rgb.shape[0] * rgb.shape[1] / (10 * np.pi)
    hole = Hole(inside, inside)
    took = [timed(patches, rgb, hole)[1] for _ in range(rounds + 1)][1:]
    return {key: round(median(each[key] for each in took), 3) for key in took[0]}


def draw_row(example: Example, filled: dict[str, Bytes]) -> Bytes:
    """The picture with its hole, each fill, and the truth, side by side with their names."""
    marked = example.rgb.copy()
    marked[example.hole.inside] = HIDDEN
    cells = []
    for name, rgb in {example.mask: marked, **filled, "truth": example.rgb}.items():
        image = Image.fromarray(rgb)
        image = image.resize((CELL, round(CELL * image.height / image.width)), reducing_gap=2)
        cell = Image.new("RGB", (CELL, image.height + LABEL))
        cell.paste(image, (0, LABEL))
        ImageDraw.Draw(cell).text((2, 1), name, fill="white")
        cells.append(np.asarray(cell))
    return np.hstack(cells)


def run_all(example: Example, known: dict[str, Fill]) -> tuple[list[dict[str, Any]], Bytes]:
    """Fill one hole in every way; return the figures of each, and the row to look at."""
    figures, shown = [], {}
    for name, fill in known.items():
        shown[name], took = timed(fill, example.rgb, example.hole)
        found = judge(example, shown[name]) | took
        figures.append({"mask": example.mask, "kind": example.kind, "fill": name} | found)
    return figures, draw_row(example, shown)


def summarise(judged: Sequence[dict[str, Any]]) -> dict[str, Figures]:
    """Means by fill; and on how many masks ours is ahead of it on texture and on seams."""
    by_fill: dict[str, list[dict[str, Any]]] = {}
    for one in judged:
        by_fill.setdefault(one["fill"], []).append(one)
    numbers = [key for key, value in judged[0].items() if isinstance(value, float)]
    found = {}
    for name, some in by_fill.items():
        found[name] = {key: round(mean(one[key] for one in some), 3) for key in numbers}
        if name != OURS:
            for key in JUDGED:
                pairs = zip(by_fill[OURS], some, strict=True)
                found[name][f"behind_on_{key}"] = sum(a[key] < b[key] for a, b in pairs)
    return found


def print_table(found: dict[str, dict[str, Figures]]) -> None:
    """Print the means, for all masks and by kind of mask."""
    keys = list(found["all"][OURS])
    print(f"{'':24}" + "".join(f"{key:>14}" for key in keys))
    for kind, by_fill in found.items():
        for name, figures in by_fill.items():
            print(f"{kind:8}{name:16}" + "".join(f"{figures[key]:14.3f}" for key in keys))


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill every hole in every way, print means; `--json` and `--sheet` also write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks erase", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, default=DATA, help="folder with manifest.csv")
    parser.add_argument("--quick", action="store_true", help="a few masks, small")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path, help="draw hole, fills and truth side by side")
    options = parser.parse_args(arguments)
    if not (options.data / "manifest.csv").exists():
        parser.error(f"there is no manifest.csv in {options.data}; name a folder with --data")
    known = fills()
    skipped = [] if "telea" in known else ["telea", "navier-stokes"]
    if skipped:
        print(f"skipped, opencv-python-headless is not installed: {', '.join(skipped)}")
    wanted = {"every": QUICK_EVERY, "side": QUICK_SIDE} if options.quick else {}
    judged: list[dict[str, Any]] = []
    sheet = []
    for example in read_examples(options.data, **wanted):
        figures, row = run_all(example, known)
        judged += figures
        sheet.append(row)
        print(f"{example.mask} {100 * example.hole.inside.mean():.1f} %", file=sys.stderr)
    found = {"all": summarise(judged)}
    for kind in sorted({one["kind"] for one in judged}):
        found[kind] = summarise([one for one in judged if one["kind"] == kind])
    print_table(found)
    large = time_large(1 if options.quick else ROUNDS)
    print(f"a tenth of 2 MP: {large['cpu_s']:.2f} s of CPU, {large['wall_s']:.2f} s")
    report = {**machine(), "masks": len(sheet), "skipped": skipped, "means": found, "large": large}
    write(report, options.json)
    if options.sheet:
        Image.fromarray(np.vstack(sheet)).save(options.sheet)


if __name__ == "__main__":
    main()
