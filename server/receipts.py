"""What has reached the client? It is pinged behind results, and its pong confirms them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from server.peer import Peer
from server.session import Session


class Receipts:
    """One ping is under way as long as the session has results that were sent and not confirmed."""

    def __init__(self, peer: Peer, confirmed: Callable[[str, int], None]) -> None:
        self._peer = peer
        self._confirmed = confirmed
        """Is told a stream, and up to which result its client has it."""
        self._session: Session | None = None
        self._is_asking = False

    def belong_to(self, session: Session | None) -> None:
        """Confirm the results of this session from now on."""
        self._session = session

    def ask(self) -> None:
        """Ping behind all that is sent in this turn of the loop, unless a ping is under way."""
        if not self._is_asking:
            self._is_asking = True
            asyncio.get_running_loop().call_soon(self._ping)

    def _ping(self) -> None:
        session = self._session
        upto = None if session is None else session.last_sent
        self._is_asking = upto is not None
        if session is not None and upto is not None:
            self._peer.ping(lambda: self._confirm(session, upto))

    def _confirm(self, session: Session, upto: int) -> None:
        if session is self._session and (last := session.confirm(upto)) is not None:
            self._confirmed(session.stream, last)
        self._ping()
