"""A service that cannot start says why, and what to do, in words for its operator."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from inference.models import Row
from inference.models.disk import WEIGHTS


def start(data_dir: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server.cli", "serve", "--port", "0"]
    return subprocess.run(
        [*command, "--data-dir", str(data_dir), *options],
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


@pytest.mark.parametrize("options", [(), ("--api-key", "k:acme")])
def test_keys_that_cannot_be_read_are_an_error_that_names_the_file(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "keys.json").write_text('[{"digest": ')
    ended = start(tmp_path, *options)
    assert ended.returncode == 1
    assert f"{tmp_path / 'keys.json'} cannot be read as keys" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_empty_signing_secret_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "signing.key").touch()
    ended = start(tmp_path, "--api-key", "k:acme")
    assert ended.returncode == 1
    assert f"{tmp_path / 'signing.key'} holds 0 bytes" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_model_with_one_flipped_byte_is_an_error_at_start(tmp_path: Path) -> None:
    content = bytearray((WEIGHTS / "embedded.onnx").read_bytes())
    row = Row(
        name="flipped",
        task="segment",
        file="flipped.onnx",
        sha256=hashlib.sha256(content).hexdigest(),
    )
    content[len(content) // 2] ^= 1
    models = tmp_path / "models"
    models.mkdir()
    (models / row.file).write_bytes(content)
    ended = start(
        tmp_path,
        CUTWIRE_MODELS__SEGMENT=row.name,
        CUTWIRE_MODELS__DIRECTORY=str(models),
        CUTWIRE_MODELS__ROWS=msgspec.json.encode([row]).decode(),
    )
    assert ended.returncode != 0
    assert "does not match its checksum" in ended.stderr
    assert "Traceback" not in ended.stderr
