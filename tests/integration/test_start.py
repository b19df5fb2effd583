"""A service that cannot start says why, and what to do, in words for its operator."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
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


def test_database_that_is_none_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "cutwire.sqlite").write_bytes(b"no database" * 500)
    ended = start(tmp_path, "--api-key", "k:acme")
    assert ended.returncode != 0
    assert f"{tmp_path / 'cutwire.sqlite'} cannot be used" in ended.stderr
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


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield str(taken.getsockname()[1])


def test_port_that_is_taken_is_an_error_that_names_it(tmp_path: Path, taken_port: str) -> None:
    ended = start(tmp_path, "--port", taken_port, "--api-key", "k:acme")
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1, port {taken_port}: " in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_host_that_is_not_ours_is_an_error_that_names_it(tmp_path: Path) -> None:
    ended = start(tmp_path, "--host", "203.0.113.7", "--api-key", "k:acme")
    assert ended.returncode == 1
    assert "cannot listen on 203.0.113.7, " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_start_that_failed_leaves_no_key_that_nobody_was_shown(
    tmp_path: Path, taken_port: str
) -> None:
    ended = start(tmp_path, "--port", taken_port)
    assert ended.returncode == 1
    assert not (tmp_path / "keys.json").exists()


def test_url_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    ended = start(tmp_path, "--url-file", str(tmp_path / "none" / "url"), "--api-key", "k:acme")
    assert ended.returncode == 2
    assert f"--url-file: there is no folder {tmp_path / 'none'}" in ended.stderr
