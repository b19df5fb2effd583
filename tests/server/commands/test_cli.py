"""The command line as a whole."""

from __future__ import annotations

import subprocess
import sys

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
