"""The data directory: its owner's alone, and one service's at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from protocol.errors import StorageUnavailable
from server.data_dir import hold_data_dir, prepare_data_dir


def test_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    assert prepare_data_dir(tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_second_holder_is_refused_and_told_the_first(tmp_path: Path) -> None:
    with (
        hold_data_dir(tmp_path),
        pytest.raises(StorageUnavailable, match=f"process {os.getpid()}"),
        hold_data_dir(tmp_path),
    ):
        pass


def test_directory_is_free_after_its_holder(tmp_path: Path) -> None:
    with hold_data_dir(tmp_path):
        pass
    with hold_data_dir(tmp_path):
        pass


def test_file_that_a_killed_holder_left_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("12345\n")
    with hold_data_dir(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
