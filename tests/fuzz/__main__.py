"""Run one target with atheris: `python -m tests.fuzz TARGET [--seconds N] [--corpus FOLDER]`.

An input that raises is kept in the corpus folder as `crash-…`; put it into `findings/TARGET/`, so
that every run of the tests tries it again.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

TARGETS = ("addresses", "frames", "pictures")
_LONGEST_S = 20
_MEMORY_MB = 2048


def main() -> None:
    """Fuzz until the time is over, or something raises."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, help="kept between runs; default: a new folder")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["inference", "protocol"]):
        target = importlib.import_module(f"tests.fuzz.{options.target}")
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix="fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = [
        f"-max_total_time={options.seconds}",
        f"-timeout={_LONGEST_S}",
        f"-rss_limit_mb={_MEMORY_MB}",
        "-max_len=8192",
        f"-artifact_prefix={corpus}/",
    ]
    atheris.Setup([sys.argv[0], *limits, str(corpus)], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
