"""`cutwire keys`: what people and scripts see of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.auth import KeyFile, digest_of, stored_key
from server.cli import main

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `cutwire keys …`; return its exit status, and what it wrote."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main(["keys", *arguments, "--data-dir", str(tmp_path)])
        except SystemExit as end:  # argparse's way
            status = int(str(end.code))
        return status, *capsys.readouterr()

    return run


def listed(keys: Command) -> list[dict[str, Any]]:
    return json.loads(keys("list", "--json")[1])


def test_key_is_shown_once_and_listed_without_itself(keys: Command) -> None:
    _, key, _ = keys("create", "--tenant", "acme", "--label", "shop", "--budget", "5")
    _, table, _ = keys("list")
    assert key.startswith("cw_")
    assert key.strip() not in table
    assert all(word in table for word in ("acme", "shop", "5"))


def test_script_gets_key_and_id_together(keys: Command) -> None:
    made = json.loads(keys("create", "--json")[1])
    assert [(made["id"], made["tenant"])] == [(each["id"], each["tenant"]) for each in listed(keys)]
    assert made["key"].startswith("cw_")


def test_revoked_key_is_listed_no_more(keys: Command) -> None:
    made = json.loads(keys("create", "--json")[1])
    assert keys("revoke", made["id"])[0] == 0
    assert listed(keys) == []


def test_unknown_id_is_an_error(keys: Command) -> None:
    status, _, said = keys("revoke", "nobody")
    assert (status, "nobody" in said) == (1, True)


def test_where_there_is_no_key_it_says_how_to_make_one(keys: Command) -> None:
    status, table, said = keys("list")
    assert (status, table, "cutwire keys create" in said) == (0, "", True)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--tenant", "Acme Corp"),
        ("--tasks", "removeBackground,nonsense"),
        ("--budget", "-1"),
        ("--budget", "1e30"),
    ],
)
def test_wrong_usage_names_the_option(keys: Command, option: str, value: str) -> None:
    status, _, said = keys("create", option, value)
    assert (status, option in said) == (2, True)
    assert listed(keys) == []


def test_keys_that_are_made_at_once_are_all_kept(tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    command = [sys.executable, "-m", "server.cli", "keys", "create", "--data-dir", str(tmp_path)]
    with file.held():
        others = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
        with pytest.raises(subprocess.TimeoutExpired):
            others[0].wait(1.0)  # it waits for us
        file.save([*file.load(), stored_key("ours", "acme")])
    made = [other.communicate(timeout=60)[0].decode().strip() for other in others]
    assert {key.digest for key in KeyFile(tmp_path).load()} == {
        digest_of(key) for key in ("ours", *made)
    }
