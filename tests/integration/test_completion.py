"""The completion scripts are read by the shells that they are for."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from integration.service import ROOT

ASK = """
source /dev/stdin
COMP_WORDS=(cutwire run remove); COMP_CWORD=2
_shtab_cutwire
echo "${COMPREPLY[@]}"
"""


def script(shell: str) -> str:
    command = [sys.executable, "-m", "server.cli", "completion", shell]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_bash_completes_the_tasks() -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    ran = subprocess.run(
        ["bash", "-c", ASK], input=script("bash"), capture_output=True, text=True, check=True
    )
    assert "removeBackground" in ran.stdout.split()


def test_zsh_takes_its_script() -> None:
    told = script("zsh")
    assert told.startswith("#compdef cutwire")
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    subprocess.run(["zsh", "-n"], input=told, text=True, check=True)
