"""How good is the fill behind imageErase, and how long does it take?

    python benchmarks/erase.py --data FOLDER [--json FILE] [--sheet FILE] [--side 400]

The folder holds `manifest.csv` (file, mask, mask_kind); the picture itself is the truth under the
mask. `--side` shrinks the pictures first: biharmonic filling (scikit-image) takes minutes on large
holes and runs only with it. OpenCV's Telea and Navier-Stokes run where OpenCV is installed.

- PSNR and SSIM: over the pixels of the hole. They reward a smooth guess over a plausible one.
- texture: mean gradient inside the hole, as a share of the truth's; `texture error` is |log| of it.
- seam: mean step across the hole's outline, as a share of the truth's.
- time: seconds of the wall, one fill at a time.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.metrics import structural_similarity

sys.path.insert(0, str(Path(__file__).parents[1]))

from inference.picture import Picture
from inference.steps.diffusion import relax, spread
from inference.steps.erase import fill_hole
from inference.steps.holes import Hole, make_hole

Fill = Callable[[Any, Hole], Any]
MARK = (255, 0, 255)
CELL = 480


def patches(rgb: Any, hole: Hole) -> Any:
    return fill_hole(rgb, hole, lambda: None)


def diffusion(rgb: Any, hole: Hole) -> Any:
    known = (~hole.inside).astype(np.float32)
    smooth = relax(spread(rgb.astype(np.float32), known), hole.inside, 50)
    return np.where(hole.inside[..., None], np.rint(smooth.clip(0, 255)), rgb).astype(np.uint8)


def biharmonic(rgb: Any, hole: Hole) -> Any:
    from skimage.restoration import inpaint_biharmonic

    filled = inpaint_biharmonic(rgb, hole.inside, channel_axis=-1)
    return np.rint(filled.clip(0, 1) * 255).astype(np.uint8)


def opencv(method: str) -> Fill:
    def fill(rgb: Any, hole: Hole) -> Any:
        import cv2

        return cv2.inpaint(rgb, hole.inside.astype(np.uint8), 5, getattr(cv2, method))

    return fill


def fills(is_small: bool) -> dict[str, Fill]:
    """Ours first, then what it is compared with."""
    found: dict[str, Fill] = {"patches": patches, "diffusion": diffusion}
    if is_small:
        found["biharmonic"] = biharmonic
    if importlib.util.find_spec("cv2"):
        found["telea"] = opencv("INPAINT_TELEA")
        found["navier-stokes"] = opencv("INPAINT_NS")
    return found


def gradient(rgb: Any) -> Any:
    grey = np.asarray(rgb, np.float32).mean(axis=2)
    down = np.diff(grey, axis=0, append=grey[-1:])
    right = np.diff(grey, axis=1, append=grey[:, -1:])
    return np.hypot(down, right)


def seam(rgb: Any, inside: Any) -> float:
    """Mean difference between neighbours of which one is in the hole and the other is not."""
    pixels = np.asarray(rgb, np.float32)
    down, right = inside[1:] != inside[:-1], inside[:, 1:] != inside[:, :-1]
    steps = [
        np.abs(pixels[1:] - pixels[:-1]).mean(axis=2)[down],
        np.abs(pixels[:, 1:] - pixels[:, :-1]).mean(axis=2)[right],
    ]
    return float(np.concatenate(steps).mean())


def measure(fill: Fill, rgb: Any, hole: Hole) -> tuple[dict[str, float], Any]:
    seen = rgb.copy()
    seen[hole.inside] = MARK
    begun = time.perf_counter()
    filled = fill(seen, hole)
    seconds = time.perf_counter() - begun
    inside = hole.inside
    assert (filled[~inside] == rgb[~inside]).all(), "pixels outside the hole were changed"
    error = float(np.square(filled[inside].astype(float) - rgb[inside]).mean())
    ssim = structural_similarity(rgb, filled, channel_axis=2, full=True)[1].mean(axis=2)
    texture = float(gradient(filled)[inside].mean() / max(gradient(rgb)[inside].mean(), 1e-3))
    figures = {
        "psnr": float(10 * np.log10(255**2 / max(error, 1e-6))),
        "ssim": float(ssim[inside].mean()),
        "texture": texture,
        "texture error": float(abs(np.log(max(texture, 1e-3)))),
        "seam": seam(filled, inside) / max(seam(rgb, inside), 1e-3),
        "seconds": seconds,
    }
    return figures, filled


def load(folder: Path, row: dict[str, str], side: int) -> tuple[Any, Hole]:
    def path(name: str) -> Path:
        return folder / (name if (folder / name).exists() else name.split("/", 1)[1])

    image = Image.open(path(row["file"])).convert("RGB")
    mask = Image.open(path(row["mask"])).convert("RGB")
    if side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        mask = mask.resize(image.size, Image.Resampling.NEAREST)
    rgb = np.asarray(image)
    hole = make_hole(Picture(rgb), Picture(np.asarray(mask)), is_drawn=False)
    assert hole is not None
    return rgb, hole


def cells(pictures: list[Any]) -> Any:
    shown = []
    for picture in pictures:
        image = Image.fromarray(picture)
        shown.append(np.asarray(image.resize((CELL, round(CELL * image.height / image.width)))))
    return np.hstack(shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path, help="draw hole, fills and truth side by side")
    parser.add_argument("--side", type=int, default=0, help="shrink pictures to this longest side")
    options = parser.parse_args()
    with (options.data / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    known = fills(bool(options.side))
    results: list[dict[str, Any]] = []
    sheet = []
    for row in rows:
        rgb, hole = load(options.data, row, options.side)
        marked = np.where(hole.inside[..., None], np.uint8(MARK), rgb)
        shown = [marked]
        for name, fill in known.items():
            figures, filled = measure(fill, rgb, hole)
            results.append({"mask": row["mask"], "kind": row["mask_kind"], "fill": name} | figures)
            shown.append(filled)
        sheet.append(cells([*shown, rgb]))
        print(row["mask"], f"{100 * hole.inside.mean():.1f} %", file=sys.stderr)
    report(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    if options.sheet:
        Image.fromarray(np.vstack(sheet)).save(options.sheet)


def report(results: list[dict[str, Any]]) -> None:
    names = ["psnr", "ssim", "texture", "texture error", "seam", "seconds"]
    print(f"{'':22}" + "".join(f"{name:>15}" for name in names))
    for kind in sorted({result["kind"] for result in results}):
        for fill in dict.fromkeys(result["fill"] for result in results):
            some = [each for each in results if (each["kind"], each["fill"]) == (kind, fill)]
            means = [np.mean([each[name] for each in some]) for name in names]
            print(f"{kind:8}{fill:14}" + "".join(f"{mean:15.3f}" for mean in means))


if __name__ == "__main__":
    main()
