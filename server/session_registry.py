"""Which sessions are there: attached ones, and those that wait for their client to come back."""

from __future__ import annotations

import time
from collections.abc import Callable

from server.auth import Caller
from server.session import Session


class SessionRegistry:
    """Finds sessions by id, for the tenant they belong to only."""

    def __init__(
        self,
        *,
        resume_s: float,
        max_detached: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resume_s = resume_s
        self._max_detached = max_detached
        self._clock = clock
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def attached(self) -> int:
        """Count the sessions that have a connection."""
        return sum(session.connection is not None for session in self._sessions.values())

    def open(self, caller: Caller, session_id: str | None) -> Session:
        """Take up a session of this tenant, or begin a new one where there is none."""
        known = self._sessions.get((session_id or "").lower())
        if known is not None and known.caller.tenant == caller.tenant and not self._is_over(known):
            return known
        session = Session(caller)
        self._sessions[session.id] = session
        return session

    def detach(self, session: Session, *, was_oversized: bool = False) -> None:
        """Keep a session for its client to come back to."""
        session.detach(self._clock(), was_oversized=was_oversized)

    def expire(self) -> list[Session]:
        """Remove and return the sessions whose client stayed away, oldest first."""
        waiting = [s for s in self._sessions.values() if s.detached_at is not None]
        waiting.sort(key=lambda session: session.detached_at or 0.0)
        surplus = len(waiting) - self._max_detached
        over = [s for rank, s in enumerate(waiting) if rank < surplus or self._is_over(s)]
        for session in over:
            del self._sessions[session.id]
        return over

    def _is_over(self, session: Session) -> bool:
        away_since = session.detached_at
        return away_since is not None and self._clock() - away_since > self._resume_s
