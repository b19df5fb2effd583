"""How good are a model's masks, by set and category, and at what time and size?

    python benchmarks/quality.py --model embedded --data FOLDER --json FILE --sheet FILE

The folder holds `manifest.csv` (file, mask, trimaps, category, gt_type) and what it names. A set is
the file's prefix (`am_`, `gc_`, …). Definitions:

- IoU: both masks cut at one half. MAE: mean |alpha - truth|. Both at the picture's own resolution.
- max-F: precision and recall at 255 thresholds, their means over the group, the best F (beta² 0.3).
- boundary-F: how much of each outline lies within 3 pixels of the other one.
- On `am_*`, inside the trimap's unknown zone, mean over both trimaps: SAD / 1000, MSE x 1000, and
  gradient error / 1000 (squared difference of gradient magnitudes, Gaussian derivative, sigma 1.4).
- `gc_*` masks hold 128 where nobody knows: there nothing is counted.
- `macro`: mean over the categories with five pictures or more, of all sets but `vik` (another
  product's output) and `syn` (composites). `human`: their mean where people drew the masks.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.mask_figures import (
    Flags,
    Floats,
    best_f,
    measure_boundary_f,
    measure_curves,
    measure_iou,
    measure_mae,
    measure_matting,
)
from inference.models import Catalogue, ModelSettings, Row
from inference.models.tensors import to_input, to_mask
from inference.sessions import SessionSettings
from inference.sessions.opening import open_session
from inference.steps.upsample import upsample_alpha

Segment = Callable[[Image.Image], Floats]

LEFT_OUT = ("vik", "syn")
FEWEST = 5


@dataclass(frozen=True, slots=True)
class Truth:
    """One labelled picture: its row, the truth in [0, 1], and where it counts."""

    row: dict[str, str]
    folder: Path
    alpha: Floats
    counts: Flags

    @property
    def name(self) -> str:
        return Path(self.row["file"]).stem

    @property
    def group(self) -> str:
        return self.name.split("_")[0]

    def open_picture(self) -> Image.Image:
        return Image.open(self.folder / self.row["file"]).convert("RGB")

    def unknown_zones(self) -> list[Flags]:
        names = [part for part in (self.row.get("trimaps") or "").split(";") if part]
        return [read_grey(self.folder / part) == 128 for part in names if self.group == "am"]


@dataclass(frozen=True, slots=True)
class Judged:
    """The figures of one picture."""

    name: str
    group: str
    category: str
    is_human: bool
    figures: dict[str, float]
    precision: Floats
    recall: Floats


def read_grey(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("L"))


def read_truths(folder: Path, limit: int | None = None) -> Iterable[Truth]:
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if limit:
        rows = rows[:: max(1, len(rows) // limit)][:limit]
    for row in rows:
        grey = read_grey(folder / row["mask"])
        is_partial = Path(row["file"]).name.startswith("gc_") or "128" in row["gt_type"]
        counts = grey != 128 if is_partial else np.ones(grey.shape, bool)
        yield Truth(row, folder, grey.astype(np.float32) / 255, counts)


def judge(truth: Truth, alpha: Floats, taken_ms: float) -> Judged:
    figures = {
        "iou": measure_iou(alpha, truth.alpha, truth.counts),
        "mae": measure_mae(alpha, truth.alpha, truth.counts),
        "boundary_f": measure_boundary_f(alpha, truth.alpha, truth.counts),
        "ms": taken_ms,
    }
    zones = truth.unknown_zones()
    if zones:
        parts = [measure_matting(alpha, truth.alpha, zone) for zone in zones]
        figures |= {key: float(np.mean([part[key] for part in parts])) for key in parts[0]}
    is_human = truth.row["gt_type"].startswith("human-mask")
    curves = measure_curves(alpha, truth.alpha, truth.counts)
    return Judged(truth.name, truth.group, truth.row["category"], is_human, figures, *curves)


def summarise(judged: Sequence[Judged]) -> dict[str, float]:
    """Means over pictures (figures that only some have: over those), and max-F."""
    found: dict[str, list[float]] = {}
    for one in judged:
        for key, value in one.figures.items():
            found.setdefault(key, []).append(value)
    means = {key: round(float(np.mean(values)), 5) for key, values in found.items()}
    precision = np.mean([one.precision for one in judged], 0)
    recall = np.mean([one.recall for one in judged], 0)
    return {"count": len(judged), **means, "max_f": round(best_f(precision, recall), 5)}


def report(judged: Sequence[Judged]) -> dict[str, Any]:
    """Everything that is written: macro, human, by set, by category, by both, by picture."""
    counted = [one for one in judged if one.group not in LEFT_OUT]
    keys = sorted({one.category for one in counted})
    categories = {k: summarise([one for one in counted if one.category == k]) for k in keys}
    large = [found for found in categories.values() if found["count"] >= FEWEST]
    names = ("iou", "mae", "boundary_f", "max_f")
    macro = {n: round(float(np.mean([c[n] for c in large])), 5) for n in names} if large else {}
    human = [one for one in counted if one.is_human]
    sets = sorted({one.group for one in judged})
    pairs = sorted({(one.group, one.category) for one in judged})
    return {
        "macro": macro,
        "human": summarise(human) if human else {},
        "all": summarise(judged),
        "categories": categories,
        "sets": {s: summarise([one for one in judged if one.group == s]) for s in sets},
        "groups": {
            f"{s}/{k}": summarise([j for j in judged if (j.group, j.category) == (s, k)])
            for s, k in pairs
        },
        "pictures": {one.name: {k: round(v, 5) for k, v in one.figures.items()} for one in judged},
    }


def print_table(found: dict[str, Any]) -> None:
    keys = ("count", "iou", "mae", "max_f", "boundary_f", "sad", "mse", "gradient", "ms")
    print(f"{'':28}" + "".join(f"{key:>11}" for key in keys))
    rows = {"macro": found["macro"], "human": found["human"]}
    for part in ("categories", "sets", "groups"):
        rows |= {f"  {name}": figures for name, figures in found[part].items()}
    for name, figures in rows.items():
        cells = (figures.get(key) for key in keys)
        texts = ("" if c is None else str(c) if isinstance(c, int) else f"{c:.4f}" for c in cells)
        print(f"{name:28}" + "".join(f"{text:>11}" for text in texts))


def draw_row(picture: Image.Image, alpha: Floats, label: str, side: int = 128) -> Image.Image:
    """Photo, mask, cut-out on magenta, side by side, with a line of text."""
    row = Image.new("RGB", (3 * side, side + 12), "black")
    mask = Image.fromarray(np.rint(alpha * 255).astype(np.uint8))
    magenta = Image.new("RGB", picture.size, (255, 0, 255))
    cells = picture, mask.convert("RGB"), Image.composite(picture, magenta, mask)
    for index, cell in enumerate(cells):
        small = cell.copy()
        small.thumbnail((side, side))
        row.paste(small, (index * side, 0))
    ImageDraw.Draw(row).text((2, side), label, fill="white")
    return row


def draw_sheet(rows: list[tuple[str, float, Image.Image]], columns: int = 5) -> Image.Image:
    """All rows, by category, worst first."""
    rows = sorted(rows, key=lambda row: row[:2])
    width, height = rows[0][2].size
    lines = (len(rows) + columns - 1) // columns
    sheet = Image.new("RGB", (width * min(columns, len(rows)), height * lines))
    for index, (_, _, image) in enumerate(rows):
        sheet.paste(image, (index % columns * width, index // columns * height))
    return sheet


def open_model(name: str, threads: int, upsample: str = "edges") -> tuple[Segment, int]:
    """A function from picture to alpha at the picture's size, and the model's bytes.

    A path means a file with the contract of the embedded model: NHWC bytes in, alpha out.
    """
    if name.endswith(".onnx"):
        path = Path(name).resolve()
        row = Row(name=path.stem, task="segment", file=str(path), layout="NHWC", dtype="uint8")
        row = replace(row, scaling="none")
    else:
        catalogue = Catalogue(ModelSettings())
        row = catalogue.find(name)
        path = catalogue.path(row)
    session = open_session(path, SessionSettings(intra_threads=threads), row)

    def segment(picture: Image.Image) -> Floats:
        rgb = np.asarray(picture)
        small = to_mask(session.run(to_input(rgb, session.row)[None])[0], session.row)
        if upsample == "edges":
            return upsample_alpha(small, rgb).astype(np.float32) / 255
        wide = Image.fromarray(small).resize(picture.size, Image.Resampling.BILINEAR)
        return np.asarray(np.clip(np.asarray(wide), 0, 1), np.float32)

    return segment, path.stat().st_size


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="embedded", help="a model's name, or an .onnx file")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--quick", action="store_true", help="40 pictures, evenly spread")
    parser.add_argument("--limit", type=int, help="judge about so many pictures, evenly spread")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--upsample", choices=("edges", "bilinear"), default="edges")
    given = parser.parse_args(arguments)
    if given.quick:
        given.limit = 40
    segment, size_bytes = open_model(given.model, given.threads, given.upsample)
    segment(Image.new("RGB", (64, 64)))  # the first run pays for memory
    judged, rows = [], []
    for truth in read_truths(given.data, given.limit):
        picture = truth.open_picture()
        started = time.perf_counter()
        alpha = segment(picture)
        judged.append(judge(truth, alpha, (time.perf_counter() - started) * 1000))
        if given.sheet:
            figures = judged[-1].figures
            label = f"{truth.name[:34]}  IoU {figures['iou']:.2f}  MAE {figures['mae']:.3f}"
            rows.append((truth.row["category"], figures["iou"], draw_row(picture, alpha, label)))
    found = {"model": Path(given.model).stem, "bytes": size_bytes, **report(judged)}
    print_table(found)
    print(f"{found['model']}: {size_bytes:,} bytes, {found['all']['ms']:.1f} ms a picture")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if given.sheet:
        draw_sheet(rows).save(given.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
