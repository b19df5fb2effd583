"""Where is a session? In this process alone, or known to every gateway."""

from __future__ import annotations

from typing import Protocol

from server.session import Session


class SessionDirectory(Protocol):
    """Knows the sessions of other gateways."""

    async def elsewhere(self, session_id: str, tenant: str) -> int | None:
        """Tell how far a tenant's session has come that another gateway has; None: none has."""

    async def claim(self, session: Session) -> None:
        """Say that a session is here now."""

    async def release(self, session: Session) -> bool:
        """Say that a session is over; False: it goes on elsewhere."""


class NoDirectory:
    """One process has them all."""

    async def elsewhere(self, session_id: str, tenant: str) -> int | None:
        """Know of none."""
        return None

    async def claim(self, session: Session) -> None:
        """Tell nobody."""

    async def release(self, session: Session) -> bool:
        """End it."""
        return True
