"""`cutwire models`: list, pull, verify models, and tell where their files are."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from inference.models import Catalogue, Row
from inference.models.pull import Puller
from protocol.errors import CutwireError
from server.commands.common import add_settings_options, read_settings


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "models",
        help="list, pull and verify models",
        description="List, pull and verify models. A pulled model is used by its name in a task's "
        '"model" field, or for every task by the setting models.segment.',
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="show every model, and which are on this machine")
    listing.add_argument("--json", action="store_true", help="for scripts")
    listing.set_defaults(run=_list)
    pull = actions.add_parser("pull", help="download models; resumes what was broken off")
    verify = actions.add_parser("verify", help="check the files of models (default: all here)")
    path = actions.add_parser("path", help="print where a model's file is")
    pull.add_argument("names", nargs="+", metavar="MODEL")
    verify.add_argument("names", nargs="*", metavar="MODEL")
    path.add_argument("name", metavar="MODEL")
    pull.set_defaults(run=_pull)
    verify.set_defaults(run=_verify)
    path.set_defaults(run=_path)
    for action in (listing, pull, verify, path):
        add_settings_options(action)


def _list(options: argparse.Namespace) -> int:
    catalogue = _catalogue(options)
    here = {row.name for row in catalogue.available()}
    rows = sorted(catalogue.rows(), key=lambda row: (row.name not in here, row.task, row.name))
    if options.json:
        shown = [_facts(row, is_here=row.name in here) for row in rows]
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(shown)).decode() + "\n")
        return 0
    table = Table("model", "does", "here", "size", "licence", box=None, pad_edge=False)
    for row in rows:
        size = f"{row.file_bytes / 1e6:,.0f} MB" if row.file_bytes else ""
        licence = row.licence if row.is_commercial else f"{row.licence} (non-commercial)"
        table.add_row(row.name, row.task, "yes" if row.name in here else "-", size, licence)
    Console().print(table)
    return 0


def _pull(options: argparse.Namespace) -> int:
    catalogue = _catalogue(options)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    timeout_s = catalogue.settings.pull_timeout_s
    with (
        httpx.Client(follow_redirects=True, timeout=timeout_s) as client,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        puller = Puller(catalogue, client)
        for name in options.names:
            bar = progress.add_task(name, total=None)
            path = puller.pull(name, partial(_show, progress, bar))
            progress.update(bar, completed=path.stat().st_size, total=path.stat().st_size)
            sys.stdout.write(f"{path}\n")
    return 0


def _show(progress: Progress, bar: TaskID, have: int, total: int | None) -> None:
    progress.update(bar, completed=have, total=total)


def _verify(options: argparse.Namespace) -> int:
    catalogue = _catalogue(options)
    rows = [catalogue.named(name) for name in options.names] or catalogue.available()
    failed = 0
    for row in rows:
        try:
            sys.stdout.write(f"{row.name:24} ok  sha256 {catalogue.check(row)}\n")
        except CutwireError as error:
            failed += 1
            sys.stdout.write(f"{row.name:24} BAD {error}\n")
    return 1 if failed else 0


def _path(options: argparse.Namespace) -> int:
    catalogue = _catalogue(options)
    sys.stdout.write(f"{Path(catalogue.path(catalogue.named(options.name)))}\n")
    return 0


def _facts(row: Row, *, is_here: bool) -> dict[str, Any]:
    return {
        "name": row.name,
        "task": row.task,
        "isHere": is_here,
        "canBePulled": row.can_be_pulled,
        "url": row.url,
        "licence": row.licence,
        "isCommercial": row.is_commercial,
    }


def _catalogue(options: argparse.Namespace) -> Catalogue:
    return Catalogue(read_settings(options).models)
