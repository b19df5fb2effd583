"""A service that cannot start says why, and what to do, in words for its operator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def start(data_dir: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.cli", "serve", "--port", "0", "--data-dir", str(data_dir)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(Path("/proc/driver/nvidia/version").exists(), reason="this machine has a GPU")
def test_gpu_that_is_asked_for_and_not_there_is_an_error_at_start(tmp_path: Path) -> None:
    ended = start(tmp_path, CUTWIRE_SESSIONS__PROVIDERS='["cuda"]')
    assert ended.returncode != 0
    assert "sessions.providers = ['cpu']" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_unknown_setting_is_an_error_that_names_it(tmp_path: Path) -> None:
    ended = start(tmp_path, CUTWIRE_EDGE__PROT="9000")
    assert ended.returncode == 1
    assert "PROT" in ended.stderr.upper()
    assert "Traceback" not in ended.stderr


def test_default_model_that_is_not_here_is_an_error_that_says_how_to_get_it(tmp_path: Path) -> None:
    ended = start(
        tmp_path,
        CUTWIRE_MODELS__SEGMENT="u2netp",
        CUTWIRE_MODELS__DIRECTORY=str(tmp_path / "models"),
    )
    assert ended.returncode != 0
    assert "cutwire models pull u2netp" in ended.stderr
    assert "Traceback" not in ended.stderr
