"""The pure steps of a cut-out against the plain way, that of rembg: in turn, in one run.

At 12 MP, what each edit does with a mask: its steps on pixels, from a picture to a picture.

python -m benchmarks steps [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness import photograph
from benchmarks.timing import Work, machine, print_table, time_in_turn, write
from inference.coding import PictureLimits, decode
from inference.kernels.resizing import resize
from inference.picture import Picture
from inference.steps.blur import blur_background
from inference.steps.compose import cut_out, paint_behind
from inference.steps.crop import clear_haze, crop_subject
from inference.steps.matting import estimate_alpha
from inference.steps.resize import average_rgb
from inference.steps.thin_parts import keep_thin_parts
from inference.steps.trimap import make_trimap
from inference.steps.upsample import upsample_alpha

NETWORK_SIDE = 320
BLUR_SCALES = (1, 2, 3, 4, 5)
THRESHOLDS = (240, 10, 10)  # rembg's: foreground, background, erosion


def make_small_alpha(side: int = NETWORK_SIDE) -> NDArray[np.float32]:
    """Draw a wavy blob with a rim of a few pixels: a tenth of the picture is soft."""
    rows, columns = np.mgrid[:side, :side] / np.float32(side) - np.float32(0.5)
    angle, far = np.arctan2(rows, columns), np.hypot(rows, columns)
    rim = 0.3 + 0.05 * np.sin(5 * angle) + 0.01 * np.sin(23 * angle)
    return np.clip((rim - far) * side / 12 + 0.5, 0, 1).astype(np.float32)


def plain_trimap(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make a trimap as rembg does."""
    from scipy.ndimage import binary_erosion

    above, below, size = THRESHOLDS
    square = np.ones((size, size), np.uint8)
    foreground = binary_erosion(mask > above, structure=square)
    background = binary_erosion(mask < below, structure=square, border_value=1)
    trimap = np.full(mask.shape, 128, np.uint8)
    trimap[foreground], trimap[background] = 255, 0
    return trimap


def ways(rgb: NDArray[np.uint8]) -> dict[str, dict[str, Work]]:
    """List for each stage ours and theirs."""
    from pymatting import estimate_alpha_cf, estimate_foreground_ml

    small = make_small_alpha()
    alpha = upsample_alpha(small, rgb)
    small_mask = np.rint(small * 255).astype(np.uint8)
    grey = Image.fromarray(small_mask)
    picture, image, mask = Picture(rgb), Image.fromarray(rgb), Image.fromarray(alpha)
    nothing = Image.new("RGBA", image.size, 0)
    lanczos, side = Image.Resampling.LANCZOS, (NETWORK_SIDE, NETWORK_SIDE)

    def their_colours() -> object:
        front = estimate_foreground_ml(rgb / 255, alpha / 255)
        return np.clip(front * 255, 0, 255).astype(np.uint8)

    def their_cut() -> object:
        return Image.fromarray(np.dstack([np.asarray(their_colours()), alpha]))

    def their_matting() -> object:
        return estimate_alpha_cf(rgb / 255, plain_trimap(alpha) / 255)

    def our_matting() -> object:
        return estimate_alpha(rgb, make_trimap(alpha, *THRESHOLDS), alpha)

    return {
        "network input": {
            "ours": lambda: average_rgb(rgb, NETWORK_SIDE, NETWORK_SIDE),
            "lanczos": lambda: np.asarray(image.resize(side, lanczos)),
        },
        "mask": {
            "ours": lambda: upsample_alpha(small, rgb),
            "lanczos": lambda: np.asarray(grey.resize(image.size, lanczos)),
        },
        "rembg input": {
            "ours": lambda: resize(rgb, *side, "lanczos"),
            "pillow": lambda: np.asarray(Image.fromarray(rgb).resize(side, lanczos)),
        },
        "rembg mask": {
            "ours": lambda: resize(small_mask, *image.size, "lanczos"),
            "pillow": lambda: np.asarray(grey.resize(image.size, lanczos)),
        },
        "cut-out": {
            "ours": lambda: cut_out(picture, alpha),
            "without colours": lambda: np.asarray(Image.composite(image, nothing, mask)),
            "multi-level": their_cut,
        },
        "matting": {"ours": our_matting, "closed form": their_matting},
    }


def edits(rgb: NDArray[np.uint8]) -> dict[str, Work]:
    """List what the edits do once the mask has the picture's size."""
    picture, mask = Picture(rgb), upsample_alpha(make_small_alpha(), rgb)

    def product() -> object:
        return crop_subject(picture, keep_thin_parts(rgb, clear_haze(mask)))

    return {
        **{
            f"blur, scale {scale}": partial(
                blur_background, picture, mask, scale, preserve_alpha=True
            )
            for scale in BLUR_SCALES
        },
        "crop": lambda: crop_subject(picture, clear_haze(mask)),
        "product": product,
        "cut-out": lambda: cut_out(picture, mask),
        "compose": lambda: paint_behind(picture, mask, (240, 240, 240, 255)),
    }


def measure_edits(megapixels: float, rounds: int) -> dict[str, Any]:
    """Measure every edit at one size."""
    rgb = _photograph(megapixels)
    return {name: time_in_turn({"ours": work}, rounds) for name, work in edits(rgb).items()}


def _photograph(megapixels: float) -> NDArray[np.uint8]:
    return decode(photograph(megapixels), parameter="image", limits=PictureLimits()).rgb


def measure(megapixels: float, rounds: int, slow_rounds: int) -> dict[str, Any]:
    """Measure every stage at one size."""
    rgb = _photograph(megapixels)
    return {
        stage: time_in_turn(both, slow_rounds if stage == "matting" else rounds)
        for stage, both in ways(rgb).items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; `--json` also writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks steps", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, closed form at 1 MP")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    import numba

    numba.set_num_threads(1)  # pymatting's kernels are parallel; ours use one core, so do they
    rounds = 3 if options.quick else 11
    found = {"1mp": measure(1.0, rounds, 1 if options.quick else 5)}
    if not options.quick:
        found["4mp"] = measure(4.0, 5, 1)
    found["12mp"] = measure_edits(12.0, rounds)
    print_table(found)
    write({**machine(), "soft_share": round(soft_share(), 3), **found}, options.json)


def soft_share() -> float:
    """Tell which share of the network's mask is neither 0 nor 1."""
    small = make_small_alpha()
    return float(((small > 0) & (small < 1)).mean())


if __name__ == "__main__":
    main()
