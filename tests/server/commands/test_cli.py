"""The command line as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from server.cli import COMMANDS, main


def test_without_a_command_it_shows_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr().err
    assert [command for command in COMMANDS if command not in shown] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    usage, _, description = capsys.readouterr().out.partition("\n\n")
    assert usage.startswith(f"usage: cutwire {command}")
    assert not description.startswith(("options:", "positional arguments:"))


def test_reader_that_has_seen_enough_is_no_failure() -> None:
    command = f"{sys.executable} -m server.cli check-config | true; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False)
    assert b"Traceback" not in ran.stderr


def shell(command: str) -> subprocess.CompletedProcess[str]:
    told = f"{sys.executable} -m server.cli {command}"
    return subprocess.run(
        ["bash", "-c", told], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk here is always full")
@pytest.mark.parametrize("command", ["check-config", "keys list"])
def test_full_disk_is_told_in_one_line(command: str, tmp_path: Path) -> None:
    main(["keys", "create", "--data-dir", str(tmp_path)])
    ended = shell(f"{command} --data-dir {tmp_path} > /dev/full")
    assert (ended.returncode, ended.stderr) == (1, "cutwire: No space left on device\n")


def test_closed_output_is_no_failure() -> None:
    ended = shell("check-config >&-")
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("command", ["serve --port 0", "keys create", "keys list"])
def test_data_directory_that_is_a_file_is_told_in_one_line(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = shell(f"{command} --data-dir {tmp_path / 'file'}")
    assert (ended.returncode, ended.stderr) == (1, f"cutwire: {tmp_path / 'file'}: File exists\n")
