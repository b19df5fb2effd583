"""The commands that README and pages show: the command line takes them, make has their targets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.cli import make_parser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^ *```.*?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`((?:cutwire|make) [^`\n]+)`(?!`)")
SHOWN = re.compile(r"^ *(?:\$ )?(?:[A-Z_]+=\S+ )*((?:cutwire|make) .*)$", re.MULTILINE)
ELLIPSIS = {"…", "..."}
TARGET = re.compile(r"[a-z-]+")
UNFINISHED = ("are required", "expected one argument")
"""A sentence may name a command or an option without all that belongs to it."""


def shown_in(page: Path) -> Iterator[list[str]]:
    """Every command of a page as its words, without comments."""
    text = page.read_text()
    lines = [line for block in FENCE.findall(text) for line in SHOWN.findall(block)]
    for line in lines + INLINE.findall(FENCE.sub("", text)):
        words = shlex.split(line.split("  #")[0].split(" && ")[0].split(" > ")[0], comments=True)
        if not ELLIPSIS & set(words):
            yield words


def commands(program: str) -> list[tuple[str, list[str]]]:
    found = ((page, words) for page in PAGES for words in shown_in(page) if words[0] == program)
    return [(str(page.relative_to(ROOT)), words[1:]) for page, words in found]


def label(value: object) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


@pytest.mark.parametrize(("page", "words"), commands("cutwire"), ids=label)
def test_command_line_takes_what_is_shown(
    page: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        make_parser().parse_args(["name" if word == "NAME" else word for word in words])
    except SystemExit:
        said = capsys.readouterr().err
        assert any(way in said for way in UNFINISHED), said


@pytest.mark.parametrize(("page", "words"), commands("make"), ids=label)
def test_make_has_the_target_that_is_shown(page: str, words: list[str]) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert next(word for word in words if TARGET.fullmatch(word)) in targets


def test_commands_are_found() -> None:
    named = {" ".join(words[:2]) for _, words in commands("cutwire")}
    assert {"run removeBackground", "models pull", "keys create"} <= named
    assert {"demo", "test", "serve"} <= {words[0] for _, words in commands("make")}
