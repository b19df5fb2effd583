"""Where the time of a cut-out goes, the network aside: ours, rembg's own way, and the floor.

python -m benchmarks stages [--quick] [--json FILE]

A photograph as base64 in, an RGBA PNG as base64 out; both run in turn, on the same photographs. In
the place of the network stands what it once predicted, so everything else is what the service and
rembg run: rembg's own session class and functions, each model's own size. The floor is what the
libraries need at least: one pass of the fastest way to do a part of each stage.
"""

from __future__ import annotations

import argparse
import base64
import io
import statistics
import sys
import time
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pybase64
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import photograph
from benchmarks.timing import machine, write
from inference.coding import PictureLimits, decode, encode
from inference.models import Catalogue, ModelSettings, Row
from inference.models.tensors import to_input, to_mask
from inference.picture import Picture
from inference.sessions import SessionSettings
from inference.sessions.opening import open_session
from inference.steps.compose import cut_out
from inference.steps.upsample import upsample_alpha

STAGES = ("base64 in", "decode", "prepare", "mask", "cut-out", "encode", "base64 out")
PICTURES = 3
REMBG_SIDE = 320
Step = Callable[[Any], Any]


class Prediction:
    """What stands in for the network: it answers each picture with its prediction."""

    def __init__(self, output: NDArray[np.float32]) -> None:
        self.output = output

    def run(self, *_: object) -> list[NDArray[np.float32]]:
        """Answer as a session of onnxruntime does."""
        return [self.output]

    def get_inputs(self) -> list[Any]:
        """Name the one input."""
        return [types.SimpleNamespace(name="input")]


def ours(row: Row, output: NDArray[Any]) -> tuple[Step, ...]:
    """List what the service does, a step a stage."""

    def prepare(picture: Picture) -> Picture:
        to_input(picture.rgb, row)
        return picture

    def enlarge(picture: Picture) -> tuple[Picture, NDArray[np.uint8]]:
        return picture, upsample_alpha(to_mask(output, row), picture.rgb)

    return (
        lambda text: pybase64.b64decode(text, validate=True),
        lambda image: decode(image, parameter="image", limits=PictureLimits()),
        prepare,
        enlarge,
        lambda both: cut_out(*both),
        lambda picture: encode(picture, format="PNG"),
        pybase64.b64encode,
    )


def rembgs(output: NDArray[np.float32]) -> tuple[Step, ...]:
    """List what rembg 2.0 does, with its own functions; `remove` does them in this order."""
    from rembg.bg import fix_image_orientation, naive_cutout  # type: ignore[import-untyped]
    from rembg.sessions.u2netp import U2netpSession  # type: ignore[import-untyped]

    session = U2netpSession.__new__(U2netpSession)
    session.inner_session = Prediction(output)
    normal = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), (REMBG_SIDE, REMBG_SIDE)

    def opened(image: bytes) -> Image.Image:
        picture = fix_image_orientation(Image.open(io.BytesIO(image)))
        picture.load()
        return picture

    def prepare(picture: Image.Image) -> tuple[Image.Image, Any]:
        return picture, session.normalize(picture, *normal)

    def predict(both: tuple[Image.Image, Any]) -> tuple[Image.Image, Image.Image]:
        picture, item = both
        session.normalize = lambda *_: item
        try:
            return picture, session.predict(picture)[0]
        finally:
            del session.normalize

    def saved(picture: Image.Image) -> bytes:
        out = io.BytesIO()
        picture.save(out, "PNG")
        return out.getvalue()

    return (
        base64.b64decode,
        opened,
        prepare,
        predict,
        lambda both: naive_cutout(*both),
        saved,
        base64.b64encode,
    )


def floors(text: bytes, small: NDArray[np.float32], alpha: NDArray[np.uint8]) -> tuple[Step, ...]:
    """List the least that each stage needs; they take no notice of each other."""
    jpeg = base64.b64decode(text)
    image = Image.open(io.BytesIO(jpeg))
    image.load()
    grey = Image.fromarray((small * 255).astype(np.uint8))
    rgba = np.asarray(image.convert("RGBA")).copy()
    mask = alpha > 0
    filtered = rgba.copy()
    filtered[1:] -= rgba[:-1]
    filtered *= mask[..., None]
    png = isal_zlib.compress(filtered.data, 1)

    def clear(_: object) -> None:
        result = rgba.view(np.uint32)[..., 0] * mask
        result.view(np.uint8).reshape(rgba.shape)[..., 3] = alpha

    return (
        lambda _: pybase64.b64decode(text, validate=True),
        lambda _: np.asarray(Image.open(io.BytesIO(jpeg))),
        lambda _: image.reduce(image.width // small.shape[1]),
        lambda _: grey.resize(image.size, Image.Resampling.BILINEAR),
        clear,
        lambda _: isal_zlib.compress(filtered.data, 1),
        lambda _: pybase64.b64encode(png),
    )


def run(steps: Sequence[Step], value: object) -> list[tuple[float, float]]:
    """Run a chain; return each step's CPU time of this thread and wall time, in ms."""
    taken = []
    for step in steps:
        wall, cpu = time.perf_counter(), time.thread_time()
        value = step(value)
        taken.append(((time.thread_time() - cpu) * 1e3, (time.perf_counter() - wall) * 1e3))
    return taken


def measure(megapixels: float, rounds: int) -> dict[str, Any]:
    """Measure all ways in turn at one size: medians over rounds, means over photographs."""
    row, predict = _network()
    taken: dict[str, list[NDArray[np.float64]]] = {"ours": [], "rembg": [], "floor": []}
    soft = []
    for seed in range(PICTURES):
        image = photograph(megapixels, seed)
        text, picture = (
            base64.b64encode(image),
            decode(image, parameter="image", limits=PictureLimits()),
        )
        output = predict(picture.rgb)
        small = to_mask(output, row)
        alpha = upsample_alpha(small, picture.rgb)
        soft.append(float(((alpha > 0) & (alpha < 255)).mean()))
        large = np.asarray(Image.fromarray(small).resize((REMBG_SIDE, REMBG_SIDE)))
        chains = {
            "ours": ours(row, output),
            "rembg": rembgs(large[np.newaxis, np.newaxis]),
            "floor": floors(text, small, alpha),
        }
        if seed == 0:  # the first run pays for memory
            for chain in chains.values():
                run(chain, text)
        found: dict[str, list[Any]] = {name: [] for name in chains}
        for _ in range(rounds):
            for name, chain in chains.items():
                found[name].append(run(chain, text))
        for name, each in found.items():
            taken[name].append(np.median(np.array(each), axis=0))
    return _summary({name: np.mean(each, axis=0) for name, each in taken.items()}, soft)


def _network() -> tuple[Row, Callable[[NDArray[np.uint8]], NDArray[Any]]]:
    catalogue = Catalogue(ModelSettings())
    row = catalogue.find("embedded")
    session = open_session(catalogue.path(row), SessionSettings(), row)
    return session.row, lambda rgb: session.run(to_input(rgb, session.row)[np.newaxis])[0]


def _summary(taken: dict[str, NDArray[np.float64]], soft: list[float]) -> dict[str, Any]:
    """Add up the stages; `ratio` is rembg's CPU time over ours."""
    found: dict[str, Any] = {}
    for name, stages in taken.items():
        found[f"{name}_ms"] = round(float(stages[:, 0].sum()), 2)
        found[f"{name}_wall_ms"] = round(float(stages[:, 1].sum()), 2)
    found["ratio"] = round(found["rembg_ms"] / found["ours_ms"], 2)
    found["soft_share"] = round(statistics.mean(soft), 3)
    found["stages"] = {
        stage: {f"{name}_ms": round(float(taken[name][place, 0]), 3) for name in taken}
        for place, stage in enumerate(STAGES)
    }
    return found


def table(found: dict[str, Any]) -> str:
    """Write the figures as a Markdown table, a line a stage."""
    sizes = [size for size in found if isinstance(found[size], dict)]
    ways = ("ours", "rembg", "floor")
    lines = [
        "| CPU ms | " + " | ".join(f"{size} {way}" for size in sizes for way in ways) + " |",
        "|---|" + "---|" * (len(sizes) * len(ways)),
    ]
    for stage in (*STAGES, "all"):
        parts = [found[size] if stage == "all" else found[size]["stages"][stage] for size in sizes]
        cells = [f"{part[f'{way}_ms']:.1f}" for part in parts for way in ways]
        lines.append(f"| {stage} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; `--json` also writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks stages", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, under a minute")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    one, four = (3, 2) if options.quick else (15, 7)
    found: dict[str, Any] = {"1mp": measure(1.0, one), "4mp": measure(4.0, four)}
    print(table(found))
    for size, figures in found.items():
        print(f"{size}: {figures['ours_ms']} ms, rembg {figures['rembg_ms']}: {figures['ratio']}x")
    write({**machine(), **found}, options.json)


if __name__ == "__main__":
    main()
