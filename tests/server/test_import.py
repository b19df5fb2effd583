"""What a start does not wait for: heavy libraries are imported where they are first used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    *("scipy", "numba", "llvmlite", "pymatting", "skimage", "cv2", "torch", "onnx"),
    *("onnxruntime", "inference.pipelines", "h11"),
)


@pytest.mark.parametrize("module", ["server.app", "server.commands.serve"])
def test_service_is_imported_without_heavy_libraries(module: str) -> None:
    program = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert ran.stdout.strip() == "[]"


def test_a_command_is_described_without_importing_the_others() -> None:
    program = (
        "import sys; from server.cli import make_parser; make_parser(['serve'])\n"
        "unwanted = 'rich', 'httpx', 'server.commands.models'\n"
        "print([name for name in unwanted if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert ran.stdout.strip() == "[]"
