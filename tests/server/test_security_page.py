"""SECURITY.md says what the settings say, and names tests that are there."""

from __future__ import annotations

import re
from operator import attrgetter
from pathlib import Path

from server.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
DEFAULTS = re.findall(r"^\| `([a-z_.]+)` \| (\S+) \|", PAGE, re.MULTILINE)


def test_every_default_is_that_of_the_settings() -> None:
    assert DEFAULTS
    settings = Settings()
    assert [(name, str(attrgetter(name)(settings))) for name, _ in DEFAULTS] == DEFAULTS


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(?:tests/[a-z_/]+/)?((?:test_)?[a-z_]+\.py)`", PAGE))
    assert {name for name in named if not list((ROOT / "tests").rglob(name))} == set()
    folders = set(re.findall(r"`(tests/[a-z_/]+/)`", PAGE))
    assert {name for name in folders if not (ROOT / name).is_dir()} == set()
