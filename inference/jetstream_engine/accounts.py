"""Amounts that all gateways draw from: each takes a share of an account, and spends that alone.

An account never holds more than it may, whoever crashes when: a share is written down before it is
spent, only who has it changes it, and writes are compare-and-set. What a process that dies did not
spend of its share stays taken until the account expires.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from typing import Final

import msgspec

from inference.jetstream_engine import names
from inference.jetstream_engine.broker import WRONG_LAST_SEQUENCE, Broker, Refusal
from inference.jetstream_engine.messages import SILENT
from protocol.errors import StorageUnavailable

TRIES: Final = 50
PAUSE_S: Final = 0.02
"""Between tries, while other gateways write the same account."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What is gone of an amount, and what is in whose hands."""

    gone: int = 0
    """What processes that have ended had spent."""
    shares: dict[str, int] = {}
    """Process → its share, spent or not."""

    @property
    def taken(self) -> int:
        """All that nobody else can have."""
        return self.gone + sum(self.shares.values())


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Account)


class Accounts:
    """The bucket of accounts, and this process's shares in them.

    All raise StorageUnavailable where no answer comes: what was asked may have been done or not.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._process = uuid.uuid4().hex[:16]

    async def set_share(self, name: str, wanted: Callable[[int], int]) -> int:
        """Write down this process's share of an account, and return it.

        `wanted` makes it of what the others have taken, and is asked again where they take more
        meanwhile. After StorageUnavailable the smaller of the old and the new share is safe.
        """

        def change(account: Account) -> Account:
            others = _without(account, self._process)
            return Account(
                gone=account.gone, shares=others.shares | {self._process: wanted(others.taken)}
            )

        return (await self._change(name, change)).shares[self._process]

    async def close_share(self, name: str, spent: int) -> None:
        """Leave an account; only what was spent of the share stays taken."""

        def change(account: Account) -> Account:
            if self._process not in account.shares:
                return account
            others = _without(account, self._process)
            return Account(gone=others.gone + spent, shares=others.shares)

        await self._change(name, change)

    async def take_at_least(self, name: str, amount: int) -> None:
        """See to it that so much of an account is taken: it is known to be gone."""

        def change(account: Account) -> Account:
            missing = max(0, amount - account.taken)
            return Account(gone=account.gone + missing, shares=account.shares)

        await self._change(name, change)

    async def _change(self, name: str, change: Callable[[Account], Account]) -> Account:
        key = names.account_key(name)
        for _ in range(TRIES):
            found = await self._broker.last(names.ACCOUNTS, key)
            account = Account() if found is None else _DECODER.decode(found.data)
            changed = change(account)
            last_seq = 0 if found is None else found.seq
            if changed == account or await self._is_stored(key, changed, last_seq):
                return changed
            await asyncio.sleep(random.uniform(0, PAUSE_S))  # noqa: S311 - no secret
        raise StorageUnavailable(SILENT, detail=f"account {name}: others write it all the time")

    async def _is_stored(self, key: str, account: Account, last_seq: int) -> bool:
        try:
            await self._broker.store(key, _ENCODER.encode(account), last_seq=last_seq)
        except Refusal as refusal:
            if refusal.err_code == WRONG_LAST_SEQUENCE:
                return False
            raise StorageUnavailable(SILENT, detail=str(refusal)) from refusal
        return True


def _without(account: Account, process: str) -> Account:
    shares = {who: share for who, share in account.shares.items() if who != process}
    return Account(gone=account.gone, shares=shares)
