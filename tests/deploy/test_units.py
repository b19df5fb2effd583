"""The systemd units, read by systemd itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from deploy.files import DEPLOY

from server.cli import make_parser

UNIT = (DEPLOY / "systemd" / "cutwire.service").read_text()
COMMAND = "/opt/cutwire/.venv/bin/cutwire"


def analyse(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("no systemd-analyze here")
    unit = folder / "cutwire.service"
    unit.write_text(UNIT.replace(COMMAND, sys.executable))
    return subprocess.run(
        [tool, *arguments, str(unit)], capture_output=True, text=True, timeout=60, check=False
    )


def test_command_is_one_of_ours() -> None:
    (line,) = (each for each in UNIT.splitlines() if each.startswith("ExecStart="))
    make_parser().parse_args(line.removeprefix(f"ExecStart={COMMAND} ").split())


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    verified = analyse(tmp_path, "verify", "--man=no")
    assert (verified.returncode, verified.stderr) == (0, "")


def test_unit_is_well_locked_in(tmp_path: Path) -> None:
    """Below 2.0 of 10; a service as Debian ships it has 9."""
    judged = analyse(tmp_path, "security", "--offline=yes", "--no-pager", "--threshold=20")
    if "Failed to connect" in judged.stderr:
        pytest.skip("systemd-analyze needs a running systemd here")
    assert judged.returncode == 0, judged.stdout[-3000:] + judged.stderr


def test_drop_in_for_a_gpu_opens_its_devices_alone() -> None:
    text = (DEPLOY / "systemd" / "cutwire-gpu.conf").read_text()
    assert "DevicePolicy=closed" in text
    assert all("nvidia" in line for line in text.splitlines() if line.startswith("DeviceAllow="))
