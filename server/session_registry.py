"""Which sessions are there: attached ones, and those that wait for their client to come back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable

from protocol.errors import Overloaded, RateLimited
from server.auth import Caller
from server.session import Session
from server.session_directory import NoDirectory, SessionDirectory


class SessionRegistry:
    """Finds sessions by id, for the tenant they belong to only; bounds how many there are."""

    def __init__(
        self,
        *,
        resume_s: float,
        max_detached: int,
        max_attached: int,
        max_attached_per_tenant: int,
        clock: Callable[[], float] = time.monotonic,
        directory: SessionDirectory | None = None,
    ) -> None:
        self._directory = directory or NoDirectory()
        self._resume_s = resume_s
        self._max_detached = max_detached
        self._max_attached = max_attached
        self._max_attached_per_tenant = max_attached_per_tenant
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._detached: OrderedDict[str, Session] = OrderedDict()  # the longest absent first
        self._attached: Counter[str] = Counter()
        self._given_up: list[Session] = []
        self.has_given_up = asyncio.Event()
        """Set once there is something for `expire` to return although no time has passed."""

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def attached(self) -> int:
        """Count the sessions that have a connection."""
        return self._attached.total()

    def open(self, caller: Caller, session_id: str | None) -> Session:
        """Take up a session of this tenant, or begin a new one where there is none.

        Raises:
            RateLimited: the tenant has as many attached sessions as it may.
            Overloaded: so have all tenants together.
        """
        known = self._sessions.get((session_id or "").lower())
        if known is not None and known.caller.tenant == caller.tenant and not self._is_over(known):
            if known.connection is None:
                self._check_room(caller.tenant)
            return known
        self._check_room(caller.tenant)
        session = Session(caller)
        self._sessions[session.id] = session
        return session

    async def take_up(
        self, caller: Caller, session_id: str | None, current: Session | None = None
    ) -> Session:
        """Open a session here, also one that another gateway has; raises as `open` does.

        Who asks for none goes on with its current one.
        """
        if session_id is None and current is not None and current.caller.tenant == caller.tenant:
            return current
        wanted = (session_id or "").lower()
        seq = await self._directory.elsewhere(wanted, caller.tenant) if wanted else None
        if seq is None:
            session = self.open(caller, session_id)
        else:
            self.drop(wanted)  # what this gateway knew of it before it went elsewhere
            self._check_room(caller.tenant)
            session = self._sessions[wanted] = Session(caller, wanted, seq)
        await self._directory.claim(session)
        return session

    def drop(self, session_id: str) -> object | None:
        """Forget a session that another gateway has taken up; return its connection, if any."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            return None
        self._detached.pop(session_id, None)
        connection, session.connection = session.connection, None
        if connection is not None:
            self._attached[session.caller.tenant] -= 1
            self._attached += Counter()  # drops the tenants that have none
        return connection

    async def release(self, session: Session) -> bool:
        """Say that an expired session is over; False: it goes on at another gateway."""
        return await self._directory.release(session)

    def attach(self, session: Session, connection: object) -> object | None:
        """Give a session to a connection; return the one it is taken from, if that still lives."""
        self._detached.pop(session.id, None)
        previous = session.attach(connection)
        if previous is None:
            self._attached[session.caller.tenant] += 1
        return previous

    def detach(self, session: Session, *, was_oversized: bool = False) -> None:
        """Keep a session for its client to come back to; the longest absent makes room."""
        if session.connection is not None:
            self._attached[session.caller.tenant] -= 1
            self._attached += Counter()  # drops the tenants that have none
        session.detach(self._clock(), was_oversized=was_oversized)
        self._detached[session.id] = session
        while len(self._detached) > self._max_detached:
            self._give_up()

    def expire(self) -> list[Session]:
        """Remove and return the sessions whose client stayed away, the longest absent first."""
        while self._detached and self._is_over(next(iter(self._detached.values()))):
            self._give_up()
        over, self._given_up = self._given_up, []
        self.has_given_up.clear()
        return over

    def _give_up(self) -> None:
        session_id, session = self._detached.popitem(last=False)
        del self._sessions[session_id]
        self._given_up.append(session)
        self.has_given_up.set()

    def _check_room(self, tenant: str) -> None:
        if self._attached[tenant] >= self._max_attached_per_tenant:
            raise RateLimited(
                f"{self._max_attached_per_tenant:,} sockets of this tenant are open already."
            )
        if self.attached >= self._max_attached:
            raise Overloaded("Too many sockets are open; try again later.")

    def _is_over(self, session: Session) -> bool:
        away_since = session.detached_at
        return away_since is not None and self._clock() - away_since > self._resume_s
