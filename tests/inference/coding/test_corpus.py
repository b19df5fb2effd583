"""Every file of the fault corpus decodes or fails by name, in bounded time and memory."""

from __future__ import annotations

import csv
import resource
import time
from pathlib import Path

import pytest

from inference.coding import PictureLimits, decode
from protocol.errors import CutwireError, ImageError

FAULTS = Path(__file__).parents[4] / "shared" / "data" / "faults"
LIMITS = PictureLimits()
LIMIT_S = 10.0
LIMIT_GROWTH_KB = 700_000

pytestmark = [
    pytest.mark.skipif(
        not FAULTS.is_dir(), reason="the fault corpus lies beside the checkout only"
    ),
    pytest.mark.filterwarnings("default"),
]


def _rows() -> list[dict[str, str]]:
    if not FAULTS.is_dir():
        return []
    with (FAULTS / "manifest.csv").open() as lines:
        return list(csv.DictReader(lines))


def _outcome(row: dict[str, str]) -> CutwireError | None:
    try:
        decode((FAULTS / row["file"]).read_bytes(), parameter="inputImage", limits=LIMITS)
    except CutwireError as error:
        return error
    return None


def test_every_file_decodes_or_fails_by_name_in_time_and_memory() -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for row in _rows():
        start = time.monotonic()
        error = _outcome(row)
        assert time.monotonic() - start < LIMIT_S, row["file"]
        assert error is None or (isinstance(error, ImageError) and error.parameter == "inputImage")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < LIMIT_GROWTH_KB


def test_what_pillow_reads_within_the_limits_is_accepted() -> None:
    refused = {
        row["file"]: str(error)
        for row in _rows()
        if row["observed"] == "accept"
        and (error := _outcome(row)) is not None
        and "at most" not in str(error)
    }
    assert refused == {}
