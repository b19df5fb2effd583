"""The documentation builds without a warning, and names only what there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from server.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "pages").rglob("*.md"))
UNANSWERED = re.compile(r"--8 ?&lt;|\{\{ [a-z-]+")
"""What stands where a file or a table should have been put in."""
NAMED = re.compile(r"`([a-z_]+(?:\.[a-z_]+)+)`")


def setting_names(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    for field in msgspec.structs.fields(kind):
        yield prefix + field.name
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from setting_names(field.type, f"{prefix}{field.name}.")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    known = set(setting_names(Settings))
    sections = {name for name in known if "." not in name}
    named = {name for name in NAMED.findall(page.read_text()) if name.split(".")[0] in sections}
    assert named <= known


def test_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", "docs/mkdocs.yml"]
    ran = subprocess.run(
        [*command, "-d", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "pictures" / "blur-1.webp").stat().st_size > 1000
    pages = {page: re.sub(r"<[^>]*>", "", page.read_text()) for page in tmp_path.rglob("*.html")}
    left = [page for page, text in pages.items() if UNANSWERED.search(text)]
    assert left == []
    assert (
        "https://"
        not in re.sub(
            r"<a [^>]*>|<link rel=.?canonical[^>]*>", "", (tmp_path / "index.html").read_text()
        ).split("<body")[0]
    )
