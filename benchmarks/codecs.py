"""Decoding and encoding against plain Pillow: in turn, in one run; times, and bytes of PNGs.

python -m benchmarks codecs [--quick] [--json FILE]
"""

# ruff: noqa: A005  a benchmark is named by what it measures
from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness import photograph
from benchmarks.steps import make_small_alpha
from benchmarks.timing import Work, machine, print_table, time_in_turn, write
from inference.coding import PictureLimits, decode, encode
from inference.steps.compose import cut_out
from inference.steps.upsample import upsample_alpha

LIMITS = PictureLimits()


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Save a copy of the image with Pillow, as saving leaves its options on the object."""
    out = io.BytesIO()
    image.copy().save(out, kind, **options)
    return out.getvalue()


def opened(image: bytes) -> NDArray[np.uint8]:
    """Decode with Pillow."""
    return np.asarray(Image.open(io.BytesIO(image)))


def measure(megapixels: float, rounds: int) -> dict[str, Any]:
    """Measure every format at one size."""
    jpeg = photograph(megapixels)
    picture = decode(jpeg, parameter="image", limits=LIMITS)
    cut = cut_out(picture, upsample_alpha(make_small_alpha(), picture.rgb))
    assert cut.alpha is not None
    plain = Image.fromarray(np.dstack([cut.rgb, cut.alpha]))
    photo = Image.fromarray(picture.rgb)
    sources = {"jpeg": jpeg, "png": encode(cut, format="PNG"), "webp": encode(cut, format="WEBP")}
    pairs: dict[str, dict[str, Work]] = {
        f"decode {kind}": {
            "ours": lambda data=data: decode(data, parameter="image", limits=LIMITS),  # type: ignore[misc]
            "pillow": lambda data=data: opened(data),  # type: ignore[misc]
        }
        for kind, data in sources.items()
    }
    pairs["encode png"] = {
        "ours": lambda: encode(cut, format="PNG"),
        "level 1": lambda: saved(plain, "PNG", compress_level=1),
        "level 6": lambda: saved(plain, "PNG"),
    }
    pairs["encode jpeg"] = {
        "ours": lambda: encode(picture, format="JPG"),
        "pillow": lambda: saved(photo, "JPEG", quality=95, subsampling=0),
    }
    pairs["encode webp"] = {
        "ours": lambda: encode(cut, format="WEBP", quality=80),
        "pillow": lambda: saved(plain, "WEBP"),
    }
    found = {name: time_in_turn(pair, rounds) for name, pair in pairs.items()}
    for name, work in pairs["encode png"].items():
        found["encode png"][name]["bytes"] = len(bytes(work()))  # type: ignore[call-overload]
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; `--json` also writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks codecs", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, 1 and 4 MP only")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if options.quick:
        found = {"1mp": measure(1.0, 3), "4mp": measure(4.0, 1)}
    else:
        found = {"1mp": measure(1.0, 11), "4mp": measure(4.0, 5), "12mp": measure(12.0, 3)}
    print_table(found)
    write({**machine(), **found}, options.json)


if __name__ == "__main__":
    main()
