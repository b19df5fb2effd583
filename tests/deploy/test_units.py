"""The systemd units, read by systemd itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from deploy.files import DEPLOY

from server.cli import make_parser
from server.settings import Settings

UNITS = {path.name: path.read_text() for path in (DEPLOY / "systemd").glob("*.service")}
COMMAND = "/opt/cutwire/.venv/bin/cutwire"

every_unit = pytest.mark.parametrize("name", sorted(UNITS))


def analyse(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("no systemd-analyze here")
    unit = folder / name.replace("@", "@default")
    unit.write_text(UNITS[name].replace(COMMAND, sys.executable))
    return subprocess.run(
        [tool, *arguments, str(unit)], capture_output=True, text=True, timeout=60, check=False
    )


def said(name: str, key: str) -> str:
    (line,) = (each for each in UNITS[name].splitlines() if each.startswith(f"{key}="))
    return line.removeprefix(f"{key}=")


@every_unit
def test_command_is_one_of_ours(name: str) -> None:
    make_parser().parse_args(said(name, "ExecStart").removeprefix(f"{COMMAND} ").split())


@every_unit
def test_unit_has_time_to_drain(name: str) -> None:
    edge = Settings().edge
    assert int(said(name, "TimeoutStopSec")) > edge.drain_timeout_s + edge.shutdown_timeout_s


@every_unit
def test_data_lie_where_the_unit_may_write(name: str) -> None:
    command = said(name, "ExecStart").split()
    data_dir = command[command.index("--data-dir") + 1]
    assert data_dir == f"/var/lib/{said(name, 'StateDirectory')}"


@every_unit
def test_systemd_takes_the_unit(name: str, tmp_path: Path) -> None:
    verified = analyse(name, tmp_path, "verify", "--man=no")
    assert (verified.returncode, verified.stderr) == (0, "")


@every_unit
def test_unit_is_well_locked_in(name: str, tmp_path: Path) -> None:
    """Below 2.0 of 10; a service as Debian ships it has 9."""
    judged = analyse(name, tmp_path, "security", "--offline=yes", "--no-pager", "--threshold=20")
    if "Failed to connect" in judged.stderr:
        pytest.skip("systemd-analyze needs a running systemd here")
    assert judged.returncode == 0, judged.stdout[-3000:] + judged.stderr


def test_drop_in_for_a_gpu_opens_its_devices_alone() -> None:
    text = (DEPLOY / "systemd" / "cutwire-gpu.conf").read_text()
    assert "DevicePolicy=closed" in text
    assert all("nvidia" in line for line in text.splitlines() if line.startswith("DeviceAllow="))
