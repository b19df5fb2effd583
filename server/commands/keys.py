"""`cutwire keys`: make, list and revoke API keys; a running service takes changes at once."""

from __future__ import annotations

import argparse
import contextlib
import re
import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from inference.database import FILE_NAME, open_read_only
from protocol.decoding import task_types
from protocol.errors import InvalidParameter, StorageUnavailable
from protocol.words import listed
from server.auth import TENANT_PATTERN, KeyFile, new_key, stored_key
from server.budgets import month_of, spent_in
from server.commands.common import add_settings_options, read_settings
from server.commands.output import write_json, write_table
from server.data_dir import prepare_data_dir
from server.deliveries import WebhookSecrets
from server.pricing import MICRO_DOLLAR
from server.signing import load_secret


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "keys",
        help="make, list and revoke API keys",
        description="Make, list and revoke API keys. Keys are stored as SHA-256 digests and shown "
        "once, when they are made. A running service takes changes at once.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    create = actions.add_parser(
        "create",
        help="make a key and show it",
        description="Make a key and show it: this once, since only its digest is stored.",
    )
    create.add_argument(
        "--tenant",
        type=_parse_tenant,
        default="default",
        metavar="NAME",
        help="whose key it is; tenants see nothing of each other (default: default)",
    )
    create.add_argument("--label", default="", metavar="TEXT", help="a note for the listing")
    create.add_argument(
        "--tasks",
        type=_parse_task_types,
        default=(),
        metavar="TYPE,TYPE",
        help="allow these task types only (default: all)",
    )
    create.add_argument(
        "--budget",
        type=_parse_budget,
        metavar="USD",
        help="what it may spend in a calendar month, in UTC (default: no limit); a task is taken "
        "only if its highest possible price still fits",
    )
    create.add_argument("--json", action="store_true", help="the key and its id, for scripts")
    create.set_defaults(run=_create)
    listing = actions.add_parser(
        "list",
        help="list keys, without the keys themselves",
        description="List keys: their ids, whose they are, what they spent in this month (UTC).",
    )
    listing.add_argument("--json", action="store_true", help="for scripts")
    listing.set_defaults(run=_list)
    revoke = actions.add_parser(
        "revoke",
        help="revoke a key",
        description="Revoke a key: at once, also for connections that logged in with it.",
    )
    revoke.add_argument("id", metavar="ID", help="as `cutwire keys list` shows it")
    revoke.set_defaults(run=_revoke)
    webhook_secret = actions.add_parser(
        "webhook-secret",
        help="show what a tenant's webhooks are signed with",
        description="Show what a tenant's webhooks are signed with, for its receivers: the secret "
        "of Standard Webhooks. Webhooks of the edit endpoints are signed with the API key instead.",
    )
    webhook_secret.add_argument(
        "--tenant",
        type=_parse_tenant,
        default="default",
        metavar="NAME",
        help="whose (default: default)",
    )
    webhook_secret.set_defaults(run=_show_webhook_secret)
    for action in (create, listing, revoke, webhook_secret):
        add_settings_options(action)


def _create(options: argparse.Namespace) -> int:
    file, key = _file(options), new_key()
    made = stored_key(key, options.tenant, options.label, options.tasks, options.budget)
    with file.held():
        file.save([*file.load(), made])
    if options.json:
        write_json({"id": made.id, "tenant": made.tenant, "key": key})
    else:
        sys.stdout.write(f"{key}\n")
    return 0


def _list(options: argparse.Namespace) -> int:
    keys, spent = _file(options).load(), _spent(options)
    if options.json:
        shown = [
            {
                "id": key.id,
                "tenant": key.tenant,
                "label": key.label,
                "createdAt": key.created_at,
                "taskTypes": key.task_types,
                "monthlyBudgetUSD": None if key.monthly_budget is None else str(key.monthly_budget),
                "spentThisMonthUSD": str(spent.get(key.id, 0)),
            }
            for key in keys
        ]
        write_json(shown)
        return 0
    rows = []
    for key in keys:
        made = datetime.fromtimestamp(key.created_at, UTC).strftime("%Y-%m-%d %H:%M")
        budget = "" if key.monthly_budget is None else str(key.monthly_budget)
        tasks = ", ".join(key.task_types) or "all"
        rows.append((key.id, key.tenant, made, str(spent.get(key.id, 0)), budget, tasks, key.label))
    write_table(
        ("id", "tenant", "made (UTC)", ">USD this month", ">of", "tasks", "label"),
        rows,
        empty="There is no key yet: make one with `cutwire keys create`.",
    )
    return 0


def _revoke(options: argparse.Namespace) -> int:
    file = _file(options)
    with file.held():
        keys = file.load()
        kept = [key for key in keys if key.id != options.id]
        if len(kept) == len(keys):
            raise InvalidParameter(f"No key has the id {options.id!r}; see `cutwire keys list`.")
        file.save(kept)
    sys.stdout.write("Revoked.\n")
    return 0


def _show_webhook_secret(options: argparse.Namespace) -> int:
    secret = load_secret(prepare_data_dir(read_settings(options).shared_folder))
    sys.stdout.write(f"{WebhookSecrets(secret).shown(options.tenant)}\n")
    return 0


def _spent(options: argparse.Namespace) -> dict[str, Decimal]:
    """Read what the keys have spent this month, also while a service runs."""
    path = prepare_data_dir(read_settings(options).data_dir) / FILE_NAME
    if not path.exists():
        return {}
    try:
        with closing(open_read_only(path)) as connection:
            return spent_in(connection, month_of(time.time()))
    except sqlite3.Error as exc:
        raise StorageUnavailable(f"What was spent cannot be read from {path}: {exc}.") from exc


def _parse_budget(text: str) -> Decimal:
    with contextlib.suppress(InvalidOperation):  # no number, or one of too many digits
        budget = Decimal(text)
        if budget.is_finite() and budget > 0 and budget == budget.quantize(MICRO_DOLLAR):
            return budget
    raise argparse.ArgumentTypeError("must be an amount in USD above 0, such as 25 or 0.50")


def _parse_tenant(text: str) -> str:
    if not re.match(TENANT_PATTERN, text):
        raise argparse.ArgumentTypeError(
            "must be 1 to 63 lower-case letters, digits, '-', '_' and '.'"
        )
    return text


def _parse_task_types(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    if unknown := set(names) - set(task_types()):
        raise argparse.ArgumentTypeError(
            f"{listed(sorted(unknown))} is not known; known are {listed(task_types())}"
        )
    return names


def _file(options: argparse.Namespace) -> KeyFile:
    return KeyFile(prepare_data_dir(read_settings(options).shared_folder))
