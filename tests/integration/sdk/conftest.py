"""The official JavaScript SDK, installed once."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGE = "@runware/sdk-js@1.3.2"
PATIENCE_S = 240


@pytest.fixture(scope="session")
def packages(request: pytest.FixtureRequest) -> Path:
    """A folder with the SDK in it, kept in pytest's cache."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    assert request.config.cache is not None
    folder = request.config.cache.mkdir(PACKAGE.replace("/", "-").replace("@", ""))
    if not (folder / "node_modules" / "@runware").is_dir():
        command = ["npm", "install", "--no-save", "--no-audit", "--no-fund", PACKAGE]
        try:
            subprocess.run(command, cwd=folder, capture_output=True, timeout=PATIENCE_S, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as exc:
            pytest.skip(f"npm cannot install {PACKAGE}: {exc}")
    return folder
