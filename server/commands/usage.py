"""`cutwire usage`: what tasks cost, by tenant and day; also while the service runs."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from inference.database import FILE_NAME, open_read_only
from inference.ledger import SCHEMA, Usage, charges_by_task, usage_by_day
from protocol.errors import StorageUnavailable
from server.commands.common import add_settings_options, read_settings
from server.commands.output import write_json, write_table

DEFAULT_DAYS = 31
MOST_DAYS = 3660


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "usage",
        help="show what tasks cost, by tenant and day",
        description="Show finished tasks, output megapixels and their cost by tenant and day "
        "(UTC), from the ledger in the data directory. A running service is not disturbed.",
    )
    parser.add_argument(
        "--tasks",
        action="store_true",
        help="instead: how often each task was charged, as taskUUID and count",
    )
    parser.add_argument("--json", action="store_true", help="for scripts")
    parser.add_argument("--tenant", default="", metavar="NAME", help="of this tenant only")
    parser.add_argument(
        "--days",
        type=_parse_days,
        default=DEFAULT_DAYS,
        metavar="COUNT",
        help=f"today and the days before it (default: {DEFAULT_DAYS}); no limit to --tasks",
    )
    add_settings_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show the ledger."""
    with _ledger(options) as ledger:
        if options.tasks:
            _show_tasks(charges_by_task(ledger, options.tenant), is_json=options.json)
        else:
            since = _midnight() - timedelta(days=options.days - 1)
            usage = usage_by_day(ledger, options.tenant, since.timestamp())
            _show_usage(usage, is_json=options.json)
    return 0


@contextmanager
def _ledger(options: argparse.Namespace) -> Iterator[sqlite3.Connection]:
    """Open the ledger for reading; an empty one where no service has run yet."""
    path = read_settings(options).data_dir.expanduser().absolute() / FILE_NAME
    is_there = path.exists()
    try:
        with closing(open_read_only(path) if is_there else sqlite3.connect(":memory:")) as ledger:
            if not is_there:
                ledger.executescript(SCHEMA)
            yield ledger
    except sqlite3.Error as exc:
        raise StorageUnavailable(f"The ledger in {path} cannot be read: {exc}.") from exc


def _midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _show_tasks(charges: dict[str, int], *, is_json: bool) -> None:
    if is_json:
        write_json(charges)
        return
    for task_uuid, count in charges.items():
        sys.stdout.write(f"{task_uuid}  {count}\n")


def _show_usage(days: Sequence[Usage], *, is_json: bool) -> None:
    if is_json:
        shown = [
            {
                "day": usage.day,
                "tenant": usage.tenant,
                "tasks": usage.tasks,
                "megapixels": round(usage.megapixels, 6),
                "costUSD": str(usage.cost),
            }
            for usage in days
        ]
        write_json(shown)
        return
    write_table(
        ("day (UTC)", "tenant", ">tasks", ">megapixels", ">USD"),
        [
            (each.day, each.tenant, f"{each.tasks:,}", f"{each.megapixels:,.2f}", f"{each.cost:,f}")
            for each in days
        ],
        empty="No task was charged in these days.",
    )


def _parse_days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"must be a number of days, 1 to {MOST_DAYS:,}")
    return int(text)
