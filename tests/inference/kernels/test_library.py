"""Kernels are compiled once, by another process; what serves never loads the compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference.kernels import library

ROOT = Path(__file__).parents[3]


def run(program: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def stand_in(folder: Path) -> None:
    """Make what answers for Python with the code that there is, and notes each call."""
    library.load()
    code = library.kept()
    assert code is not None
    program = folder / "python"
    program.write_text(
        f'#!/bin/sh\necho "$1 $2" >> {folder}/calls\ncp "{code}" "$3{code.suffix}"\n'
    )
    program.chmod(0o755)


def load(folder: Path) -> str:
    """Load the kernels in a process, of which `folder` is the cache; return where they are kept."""
    stand_in(folder)
    return run(
        f"import sys; sys.executable = {str(folder / 'python')!r}\n"
        "from inference.kernels import library; library.load(); print(library.kept())",
        NUMBA_CACHE_DIR=str(folder / "cache"),
    ).strip()


def test_kernels_are_compiled_once_for_all_processes(tmp_path: Path) -> None:
    first, second = load(tmp_path), load(tmp_path)

    assert first == second
    assert Path(first).parent == tmp_path / "cache"
    assert (tmp_path / "calls").read_text() == "-m inference.kernels.compiler\n"


def test_code_that_cannot_be_kept_is_used_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, where no folder can be")
    assert load(tmp_path) == "None"


@pytest.mark.slow
def test_without_a_linker_llvm_loads_the_code(tmp_path: Path) -> None:
    told = run(
        "from inference.kernels import library; from inference.kernels.resampling import soften\n"
        "import numpy as np; print(soften(np.full((2, 2, 3), 7, np.uint8)).ravel()[0])\n"
        "print(library.kept())",
        NUMBA_CACHE_DIR=str(tmp_path),
        PATH=str(tmp_path),
    )
    number, kept = told.split()
    assert number == "7"
    assert kept.endswith(library.OBJECT)


def test_code_of_another_processor_is_not_taken(tmp_path: Path) -> None:
    library.load()
    here = run("from inference.kernels import library; print(library.kept())")
    other = run(
        "from inference.kernels import library; print(library.kept())",
        NUMBA_CPU_NAME="x86-64-v2",
    )
    assert Path(here.strip()).is_file()
    assert other.strip() != here.strip()


def test_loading_needs_no_compiler() -> None:
    library.load()
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "from inference.kernels.resampling import soften; import numpy as np\n"
        "print(soften(np.full((2, 2, 3), 7, np.uint8)).ravel()[0])"
    )
    assert run(program).strip() == "7"
