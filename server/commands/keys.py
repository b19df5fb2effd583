"""`cutwire keys`: make, list and revoke API keys; a running service takes changes at once."""

from __future__ import annotations

import argparse
import re
import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from inference.database import FILE_NAME, open_read_only
from protocol.decoding import task_types
from protocol.errors import InvalidParameter, StorageUnavailable
from protocol.words import listed
from server.auth import TENANT_PATTERN, KeyFile, new_key, stored_key
from server.budgets import month_of, spent_in
from server.commands.common import add_settings_options, read_settings
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
    create = actions.add_parser("create", help="make a key and show it")
    create.add_argument("--tenant", default="default", help="whose key it is (default: default)")
    create.add_argument("--label", default="", help="a note for the listing")
    create.add_argument(
        "--tasks",
        default="",
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
    create.set_defaults(run=_create)
    listing = actions.add_parser("list", help="list keys, without the keys themselves")
    listing.add_argument("--json", action="store_true", help="for scripts")
    listing.set_defaults(run=_list)
    revoke = actions.add_parser("revoke", help="revoke a key")
    revoke.add_argument("id", help="the id that `cutwire keys list` shows")
    revoke.set_defaults(run=_revoke)
    webhook_secret = actions.add_parser(
        "webhook-secret",
        help="show what a tenant's webhooks are signed with",
        description="Show what a tenant's webhooks are signed with, for its receivers: the secret "
        "of Standard Webhooks. Webhooks of the edit endpoints are signed with the API key instead.",
    )
    webhook_secret.add_argument("--tenant", default="default", help="whose (default: default)")
    webhook_secret.set_defaults(run=_show_webhook_secret)
    for action in (create, listing, revoke, webhook_secret):
        add_settings_options(action)


def _create(options: argparse.Namespace) -> int:
    _check_tenant(options.tenant)
    allowed = tuple(name for name in options.tasks.split(",") if name)
    unknown = set(allowed) - set(task_types())
    if unknown:
        raise InvalidParameter(
            f"--tasks names {listed(sorted(unknown))}; known are {listed(task_types())}."
        )
    file, key = _file(options), new_key()
    made = stored_key(key, options.tenant, options.label, allowed, options.budget)
    file.save([*file.load(), made])
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
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(shown)).decode() + "\n")
        return 0
    for key in keys:
        made = datetime.fromtimestamp(key.created_at, UTC).strftime("%Y-%m-%d %H:%M")
        budget = "" if key.monthly_budget is None else f" of {key.monthly_budget}"
        cost = f"{spent.get(key.id, 0)}{budget} USD"
        sys.stdout.write(f"{key.id}  {key.tenant:20}  {made}  {cost:>24}  {key.label}\n")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    file = _file(options)
    keys = file.load()
    kept = [key for key in keys if key.id != options.id]
    if len(kept) == len(keys):
        raise InvalidParameter(f"No key has the id {options.id!r}; see `cutwire keys list`.")
    file.save(kept)
    sys.stdout.write("Revoked.\n")
    return 0


def _show_webhook_secret(options: argparse.Namespace) -> int:
    _check_tenant(options.tenant)
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
    try:
        budget = Decimal(text)
    except InvalidOperation:
        budget = Decimal("NaN")
    if not budget.is_finite() or budget <= 0 or budget != budget.quantize(MICRO_DOLLAR):
        raise argparse.ArgumentTypeError("must be an amount in USD above 0, such as 25 or 0.50")
    return budget


def _check_tenant(tenant: str) -> None:
    if not re.match(TENANT_PATTERN, tenant):
        raise InvalidParameter(
            "--tenant must be 1 to 63 lower-case letters, digits, '-', '_' and '.'."
        )


def _file(options: argparse.Namespace) -> KeyFile:
    return KeyFile(prepare_data_dir(read_settings(options).shared_folder))
