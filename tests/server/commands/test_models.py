"""`cutwire models`: what it tells at the terminal."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from server.cli import main

SETTINGS = """
[models]
directory = "{folder}"
pull_tries = 1

[[models.rows]]
name = "net"
task = "segment"
file = "net.onnx"
url = "http://127.0.0.1:9/net.onnx"
sha256 = "{digest}"
"""


def test_pull_that_fails_tells_what_each_address_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "cutwire.toml"
    config.write_text(SETTINGS.format(folder=tmp_path, digest=hashlib.sha256().hexdigest()))
    assert main(["models", "pull", "net", "--config", str(config)]) == 1
    told = capsys.readouterr().err
    assert "http://127.0.0.1:9/net.onnx: ConnectError" in told
    assert "Model 'net' could not be pulled" in told


@pytest.mark.parametrize("command", ["check-config", "serve"])
def test_default_model_that_there_is_not_is_told_in_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "cutwire.toml"
    config.write_text('[models]\nsegment = "gone"\n')
    asked = [command, "--config", str(config), "--data-dir", str(tmp_path)]
    assert main(asked) == 1
    told = capsys.readouterr().err
    assert told.startswith("cutwire: models.segment names 'gone', which is no model; allowed: ")
    assert told.count("\n") == 1
