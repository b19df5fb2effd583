"""What a client meets first, whichever way it comes: keys, limits, sessions, the dispatcher."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from protocol.errors import InvalidApiKey, RateLimited
from server.auth import Caller, KeyRing, WrongKeys
from server.dispatcher import Dispatcher
from server.limits import SocketLimits
from server.metrics import Metrics
from server.rates import RateLimiter
from server.session_registry import SessionRegistry
from server.under_way import UnderWay


@dataclass(frozen=True, slots=True)
class Reception:
    """What every way in needs of the service."""

    dispatcher: Dispatcher
    sessions: SessionRegistry
    keys: KeyRing
    requests: RateLimiter
    wrong_keys: WrongKeys
    limits: SocketLimits
    metrics: Metrics
    under_way: UnderWay = field(default_factory=UnderWay)
    """Requests over HTTP that wait for their tasks."""

    async def identify(self, key: str, address: str) -> Caller:
        """Tell who holds a key that came over HTTP, and count the request.

        Guessing is slowed, a right key never.

        Raises:
            InvalidApiKey: nobody does.
            RateLimited: nobody does, and this address has sent too many wrong ones; or somebody
                does, who has sent too many requests.
        """
        try:
            caller = self.keys.identify(key)
        except InvalidApiKey:
            if self.wrong_keys.note(address):
                await asyncio.sleep(self.limits.wrong_key_delay_s)
                raise RateLimited(
                    "Too many wrong API keys from this address; wait a minute.", retry_after_s=60
                ) from None
            raise
        self.requests.count(caller.key_id)
        return caller
