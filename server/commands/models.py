"""`cutwire models`: list, pull, verify models, and tell where their files are."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

import httpx
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

from inference.models import Catalogue, Row
from inference.models.pull import Puller
from protocol.errors import CutwireError, ModelUnavailable
from server.commands.common import add_settings_options, read_settings
from server.commands.output import write_json, write_table


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
        write_json(shown)
        return 0
    write_table(
        ("model", "does", "here", ">size", "licence"),
        [(row.name, row.task, _place(row, here), _size(row), _licence(row)) for row in rows],
    )
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
    for name in options.names:
        catalogue.named(name)  # one that is not known is told before anything is pulled
    with (
        httpx.Client(follow_redirects=True, timeout=timeout_s) as client,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        puller = Puller(catalogue, client)
        for name in options.names:
            bar = progress.add_task(name, total=None)
            try:
                path = puller.pull(name, partial(_show, progress, bar))
            except ModelUnavailable as error:
                progress.console.print(error.detail, markup=False, highlight=False, soft_wrap=True)
                raise
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


def _place(row: Row, here: set[str]) -> str:
    """Say whether a model's file is here, or can be had with `models pull`."""
    if row.name in here:
        return "yes"
    return "to pull" if row.can_be_pulled else "no"


def _size(row: Row) -> str:
    return f"{row.file_bytes / 1e6:,.1f} MB" if row.file_bytes else ""


def _licence(row: Row) -> str:
    is_told = row.is_commercial or "non-commercial" in row.licence
    return row.licence if is_told else f"{row.licence} (non-commercial)"


def _facts(row: Row, *, is_here: bool) -> dict[str, Any]:
    return {
        "name": row.name,
        "task": row.task,
        "isHere": is_here,
        "canBePulled": row.can_be_pulled,
        "url": row.url,
        "sizeBytes": row.file_bytes or None,
        "licence": row.licence,
        "isCommercial": row.is_commercial,
    }


def _catalogue(options: argparse.Namespace) -> Catalogue:
    return Catalogue(read_settings(options).models)
