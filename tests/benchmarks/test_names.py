"""Every benchmark runs by its name and as a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import names_of_all

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", names_of_all())
def test_benchmark_is_a_program_too(name: str) -> None:
    source = (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")
    assert "def main(" in source
    assert 'if __name__ == "__main__":' in source


@pytest.mark.parametrize("how", [["-m", "benchmarks", "report"], ["benchmarks/report.py"]])
def test_benchmark_runs_by_its_name_and_as_a_file(how: list[str]) -> None:
    command = [sys.executable, *how, "--help"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "python -m benchmarks report" in ran.stdout


def test_unknown_name_is_answered_with_those_that_there_are() -> None:
    command = [sys.executable, "-m", "benchmarks", "nothing"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert "peers" in ran.stdout
