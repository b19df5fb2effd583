"""What commands print: tables for people, JSON for scripts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

WIDE = 1000
"""Columns where no terminal says how many there are: a line stays a line in a pipe."""


def write_json(shown: Any) -> None:
    """Print JSON, laid out to be read."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(shown)).decode() + "\n")


def write_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str = "") -> None:
    """Print a table; numbers stand in columns whose head begins with `>`.

    Without rows, `empty` is told on stderr instead.
    """
    if not rows:
        sys.stderr.write(f"{empty}\n")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        table.add_column(head.removeprefix(">"), justify="right" if head[0] == ">" else "left")
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    console.width = console.width if console.is_terminal else WIDE
    console.print(table)
