"""The code that the page shows runs as it stands."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from browser.conftest import Open
from integration.pictures import encoded, scene
from integration.service import KEY, Service

PICTURE = encoded(scene(160, 120))
PATIENCE_S = 120
PROGRAMS = {
    "Python": [sys.executable, "-"],
    "curl": ["bash", "-s"],
    "JavaScript": ["node", "--input-type=module", "-"],
}
NEEDED = {"Python": [], "curl": ["curl", "base64"], "JavaScript": ["node"]}
UUIDGEN = f"#!/bin/sh\nexec {sys.executable} -c 'import uuid; print(uuid.uuid4())'\n"
"""Not every machine has it, and it is not what is tested."""


@pytest.mark.parametrize(
    ("language", "task"),
    [
        ("curl", "Cut out"),
        ("curl", "Blur"),
        ("Python", "Cut out"),
        ("Python", "Blur"),
        ("JavaScript", "Blur"),
    ],
)
async def test_shown_code_runs(
    service: Service, visit: Open, tmp_path: Path, language: str, task: str
) -> None:
    missing = [name for name in NEEDED[language] if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if language == "Python" and importlib.util.find_spec("runware") is None:
        pytest.skip("the package runware is not installed")
    page = await visit(service)
    await page.choose(task)
    if task == "Cut out":
        await page.page.get_by_role("switch", name="Clean the mask").check()
        await page.page.get_by_role("switch", name="Background colour").check()
    else:
        await page.set("scale", "2")
    await page.drop({"it's a blob.png": PICTURE})
    await page.has_done()
    code = await page.open_tab(language)
    (tmp_path / "it's a blob.png").write_bytes(PICTURE)
    (tmp_path / "uuidgen").write_text(UUIDGEN)
    (tmp_path / "uuidgen").chmod(0o755)
    ran = await asyncio.to_thread(
        subprocess.run,
        PROGRAMS[language],
        input=code,
        cwd=tmp_path,
        env=os.environ | {"CUTWIRE_KEY": KEY, "PATH": f"{os.environ['PATH']}:{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert f"{service.url}/im/" in ran.stdout
