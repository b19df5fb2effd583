"""Sessions of other gateways: taken up here, dropped where they were, ended where they are."""

from __future__ import annotations

import pytest

from server.auth import Caller
from server.session import Session
from server.session_registry import SessionRegistry

OWNER = Caller("acme", "k1")
SESSION = "6d0c9b8e-0000-4000-8000-000000000001"


class Directory:
    """Knows what a test says is elsewhere."""

    def __init__(self) -> None:
        self.away: dict[str, tuple[str, int]] = {}
        self.claimed: list[str] = []

    async def elsewhere(self, session_id: str, tenant: str) -> int | None:
        owner, seq = self.away.get(session_id, ("", 0))
        return seq if owner == tenant else None

    async def claim(self, session: Session) -> None:
        self.away.pop(session.id, None)
        self.claimed.append(session.id)

    async def release(self, session: Session) -> bool:
        return session.id not in self.away


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def registry(directory: Directory) -> SessionRegistry:
    return SessionRegistry(
        resume_s=120,
        max_detached=10,
        max_attached=10,
        max_attached_per_tenant=10,
        directory=directory,
    )


async def test_session_of_another_gateway_goes_on_where_its_client_was(
    registry: SessionRegistry, directory: Directory
) -> None:
    directory.away[SESSION] = ("acme", 7)
    session = await registry.take_up(OWNER, SESSION.upper())
    assert (session.id, session.confirmed_seq, directory.claimed) == (SESSION, 7, [SESSION])


async def test_session_of_another_tenant_is_not_taken_up(
    registry: SessionRegistry, directory: Directory
) -> None:
    directory.away[SESSION] = ("other", 7)
    assert (await registry.take_up(OWNER, SESSION)).id != SESSION


async def test_new_session_is_claimed(registry: SessionRegistry, directory: Directory) -> None:
    session = await registry.take_up(OWNER, None)
    assert directory.claimed == [session.id]


async def test_what_was_known_of_a_session_before_it_went_elsewhere_is_forgotten(
    registry: SessionRegistry, directory: Directory
) -> None:
    stale = await registry.take_up(OWNER, None)
    registry.attach(stale, object())
    registry.detach(stale)
    directory.away[stale.id] = ("acme", 9)
    fresh = await registry.take_up(OWNER, stale.id)
    assert (fresh.id, fresh is stale, fresh.confirmed_seq) == (stale.id, False, 9)
    assert registry.expire() == []


async def test_session_taken_elsewhere_gives_its_connection_and_its_place_back(
    registry: SessionRegistry,
) -> None:
    session, connection = await registry.take_up(OWNER, None), object()
    registry.attach(session, connection)
    assert registry.drop(session.id) is connection
    assert (len(registry), registry.attached) == (0, 0)


async def test_expired_session_that_is_elsewhere_is_not_ended(
    registry: SessionRegistry, directory: Directory
) -> None:
    session = await registry.take_up(OWNER, None)
    assert await registry.release(session)
    directory.away[session.id] = ("acme", 0)
    assert not await registry.release(session)
