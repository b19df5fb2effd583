"""Sessions that every gateway knows: a client may come back to any of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid

from inference.jetstream_engine.sessions import SharedSession, SharedSessions
from protocol.errors import StorageUnavailable
from server.session import Session

NOTE_S = 1.0
"""How soon it is written down what a client has got: what is lost of it is sent again."""


class SharedDirectory:
    """Tells the broker of sessions; while it is away, they stay where they are."""

    def __init__(self, shared: SharedSessions, resume_s: float) -> None:
        self._shared = shared
        self._resume_s = resume_s
        self._noted: dict[str, tuple[float, SharedSession]] = {}
        self._here: dict[str, Session] = {}

    async def elsewhere(self, session_id: str, tenant: str) -> int | None:
        """Tell how far a tenant's session has come that another gateway has; None: none has."""
        try:
            found = await self._shared.find(str(uuid.UUID(session_id)))
        except (ValueError, StorageUnavailable):
            return None
        if found is None or found.tenant != tenant or self._shared.is_ours(found):
            return None
        is_over = found.detached_at and time.time() - found.detached_at > self._resume_s
        return None if is_over else found.confirmed_seq

    async def claim(self, session: Session) -> None:
        """Say that a session is here now."""
        self._here[session.id] = session
        with contextlib.suppress(StorageUnavailable):
            await self._shared.claim(self._record(session))

    async def release(self, session: Session) -> bool:
        """Say that a session is over; False: it goes on elsewhere, or may."""
        self.forget(session.id)
        try:
            return await self._shared.release(session.id)
        except StorageUnavailable:
            return False

    def forget(self, session_id: str) -> None:
        """Note that a session is no longer here."""
        self._here.pop(session_id, None)
        self._noted.pop(session_id, None)

    async def run(self) -> None:
        """Write down what changes until cancelled."""
        while True:
            await asyncio.sleep(NOTE_S)
            for session in list(self._here.values()):
                with contextlib.suppress(StorageUnavailable):
                    await self._note(session)

    async def _note(self, session: Session) -> None:
        record, now = self._record(session), time.monotonic()
        noted_at, noted = self._noted.get(session.id, (float("-inf"), None))
        if record != noted or now - noted_at > self._shared.renew_s:
            await self._shared.note(record)
            self._noted[session.id] = now, record

    @staticmethod
    def _record(session: Session) -> SharedSession:
        away_s = 0.0 if session.detached_at is None else time.monotonic() - session.detached_at
        return SharedSession(
            id=session.id,
            tenant=session.caller.tenant,
            confirmed_seq=session.confirmed_seq,
            detached_at=0.0 if session.detached_at is None else round(time.time() - away_s),
        )
