"""`cutwire engine`: make what the distributed engine needs at the broker; move its ledger."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Any

from protocol.errors import StorageUnavailable
from server.commands.common import (
    add_nats_options,
    add_settings_options,
    check_nats,
    nats_overrides,
    read_settings,
)
from server.settings import Settings

if TYPE_CHECKING:  # nats-py may not be installed
    from inference.jetstream_engine.topology import Change


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "engine",
        help="set up NATS JetStream for gateways and workers",
        description="Set up the broker of the distributed engine.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    setup = actions.add_parser(
        "setup",
        help="make streams, consumers and buckets",
        description="Make the streams, consumers and key-value buckets that are missing. What is "
        "there and differs from the settings is told and left as it is, with exit status 1, unless "
        "--update is given. May be repeated.",
    )
    setup.add_argument("--update", action="store_true", help="alter what differs")
    add_nats_options(setup)
    add_settings_options(setup)
    setup.set_defaults(run=run)
    release = actions.add_parser(
        "release-ledger",
        help="let another gateway keep the ledger",
        description="Let another gateway keep the ledger and send webhooks, because the one that "
        "did is gone for good with its data directory. Stop that one first: two ledgers would "
        "charge some tasks twice. What was not charged yet waits at the broker.",
    )
    add_nats_options(release)
    add_settings_options(release)
    release.set_defaults(run=_release)


def run(options: argparse.Namespace) -> int:
    """Set up."""
    check_nats()
    settings = read_settings(options, engine_kind="nats", nats=nats_overrides(options))
    changes = asyncio.run(_set_up(settings, is_update=options.update))
    return 1 if any(change.step == "differs" for change in changes) else 0


async def _set_up(settings: Settings, *, is_update: bool) -> list[Change]:
    from inference.jetstream_engine.broker import Broker, Refusal
    from inference.jetstream_engine.health import risks
    from inference.jetstream_engine.topology import set_up, wanted

    changes: list[Change] = []
    all_wanted = wanted(settings.nats, settings.journal.result_life_s)
    async with Broker(settings.nats, "cutwire engine setup").opened() as broker:
        try:
            async for change in set_up(broker, all_wanted, update=is_update):
                changes.append(change)
                _show(change)
        except Refusal as refusal:
            raise StorageUnavailable(f"The NATS server refuses: {refusal}.") from refusal
        async for risk in risks(broker):
            sys.stderr.write(f"cutwire: warning: {risk}\n")
    made = sum(change.step == "made" for change in changes)
    sys.stdout.write(f"{len(changes)} streams, buckets and consumers, {made} of them new\n")
    return changes


def _release(options: argparse.Namespace) -> int:
    check_nats()
    settings = read_settings(options, engine_kind="nats", nats=nats_overrides(options))
    asyncio.run(_release_ledger(settings))
    sys.stdout.write("Released: a gateway that runs takes the ledger within half a minute.\n")
    return 0


async def _release_ledger(settings: Settings) -> None:
    from inference.jetstream_engine.broker import Broker, Refusal
    from inference.jetstream_engine.usage import UsageFeed

    async with Broker(settings.nats, "cutwire engine release-ledger").opened() as broker:
        try:
            await UsageFeed(broker).release()
        except Refusal as refusal:
            raise StorageUnavailable(f"The NATS server refuses: {refusal}.") from refusal


def _show(change: Change) -> None:
    if change.step == "is there":
        return
    sys.stdout.write(f"{change.name}: {change.step}\n")
    for key, (is_, should) in change.differences.items():
        sys.stdout.write(f"  {key}: {is_!r}, should be {should!r}\n")
