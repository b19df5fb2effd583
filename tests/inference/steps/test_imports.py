"""Importing the steps and codecs costs nothing that only some tasks need."""

from __future__ import annotations

import subprocess
import sys

MODULES = (
    "inference.coding",
    "inference.steps.compose",
    "inference.steps.mask",
    "inference.steps.matting",
    "inference.steps.upsample",
)


def test_scipy_numba_and_pymatting_wait_until_they_are_needed() -> None:
    code = f"import sys, {', '.join(MODULES)}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert not {"scipy", "numba", "pymatting", "cv2"} & set(loaded.stdout.split())
