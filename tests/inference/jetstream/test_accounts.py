"""Amounts that processes share by a real broker: never more is taken than there is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from brokers import Door

from inference.jetstream_engine.accounts import Accounts
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.engine import JetStreamEngine
from protocol.errors import StorageUnavailable

NAME = "budget.k.2026-11"
Connect = Callable[..., Awaitable[Broker]]


class Full(Exception):  # noqa: N818 - an answer
    """There is not enough left."""


@pytest.fixture
async def here(engine: JetStreamEngine, connect: Connect) -> Accounts:
    return Accounts(await connect())


@pytest.fixture
async def there(engine: JetStreamEngine, connect: Connect) -> Accounts:
    return Accounts(await connect())


async def others_seen_by(accounts: Accounts) -> int:
    seen: list[int] = []

    def wanted(others: int) -> int:
        seen.append(others)
        return 0

    await accounts.set_share(NAME, wanted)
    return seen[-1]


async def test_share_is_what_was_asked_for(here: Accounts) -> None:
    assert await here.set_share(NAME, lambda _: 30) == 30


async def test_share_of_one_is_taken_for_the_others(here: Accounts, there: Accounts) -> None:
    await here.set_share(NAME, lambda _: 30)
    assert (await others_seen_by(there), await others_seen_by(here)) == (30, 0)


async def test_smaller_share_leaves_more_to_the_others(here: Accounts, there: Accounts) -> None:
    await here.set_share(NAME, lambda _: 30)
    await here.set_share(NAME, lambda _: 10)
    assert await others_seen_by(there) == 10


async def test_accounts_do_not_mix(here: Accounts, there: Accounts) -> None:
    await here.set_share("budget.k.2026-12", lambda _: 30)
    assert await others_seen_by(there) == 0


async def test_who_leaves_leaves_what_was_spent(here: Accounts, there: Accounts) -> None:
    await here.set_share(NAME, lambda _: 30)
    await here.close_share(NAME, 12)
    await here.close_share(NAME, 12)
    assert await others_seen_by(there) == 12


async def test_what_is_known_to_be_gone_is_taken_once(here: Accounts, there: Accounts) -> None:
    await here.set_share(NAME, lambda _: 30)
    for amount in (20, 50, 50):
        await there.take_at_least(NAME, amount)
    assert await others_seen_by(there) == 50


async def test_all_at_once_never_take_more_than_there_is(
    engine: JetStreamEngine, connect: Connect
) -> None:
    processes = [Accounts(await connect()) for _ in range(6)]
    shares = [0] * len(processes)

    async def take(place: int) -> None:
        def wanted(others: int) -> int:
            if others + shares[place] + 1 > 20:
                raise Full
            return shares[place] + 1

        for _ in range(10):
            try:
                shares[place] = await processes[place].set_share(NAME, wanted)
            except Full:
                return

    await asyncio.gather(*map(take, range(len(processes))))
    assert sum(shares) == 20


async def test_broker_that_is_away_is_told(
    engine: JetStreamEngine, connect: Connect, door: Door
) -> None:
    accounts = Accounts(await connect(urls=(door.url,)))
    door.shut()
    with pytest.raises(StorageUnavailable):
        await accounts.set_share(NAME, lambda _: 1)
