"""Sessions by id: for their tenant only, for as long as their client may come back."""

from __future__ import annotations

import uuid

import pytest
from fakes import FakeClock, job_of

from protocol.errors import Overloaded, RateLimited
from server.auth import Caller
from server.session import Session
from server.session_registry import SessionRegistry

RESUME_S = 120.0
ACME, OTHER = Caller("acme", "k1"), Caller("other", "k2")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sessions(clock: FakeClock) -> SessionRegistry:
    return SessionRegistry(
        resume_s=RESUME_S, max_detached=3, max_attached=12, max_attached_per_tenant=9, clock=clock
    )


def left(sessions: SessionRegistry, caller: Caller = ACME) -> Session:
    """A session whose client has just gone."""
    session = sessions.open(caller, None)
    sessions.attach(session, object())
    sessions.detach(session)
    return session


def test_login_without_an_id_begins_a_session(sessions: SessionRegistry) -> None:
    assert sessions.open(ACME, None) is not sessions.open(ACME, None)


def test_login_with_the_id_takes_the_session_up(sessions: SessionRegistry) -> None:
    session = left(sessions)
    assert sessions.open(ACME, session.id) is session


def test_session_keeps_its_id_and_what_it_is_owed(sessions: SessionRegistry) -> None:
    session = left(sessions)
    session.owed.add(job_of(1).id)
    assert sessions.open(ACME, session.id).owed == {job_of(1).id}


def test_case_of_the_id_does_not_matter(sessions: SessionRegistry) -> None:
    session = left(sessions)
    assert sessions.open(ACME, session.id.upper()) is session


def test_unknown_id_begins_a_session_under_another_id(sessions: SessionRegistry) -> None:
    wanted = str(uuid.uuid4())
    assert sessions.open(ACME, wanted).id != wanted


def test_session_of_another_tenant_is_not_given_away(sessions: SessionRegistry) -> None:
    session = left(sessions)
    assert sessions.open(OTHER, session.id) is not session


def test_session_stays_with_its_tenant_after_a_stranger_asked(sessions: SessionRegistry) -> None:
    session = left(sessions)
    sessions.open(OTHER, session.id)
    assert sessions.open(ACME, session.id) is session


def test_another_key_of_the_same_tenant_may_take_the_session_up(
    sessions: SessionRegistry,
) -> None:
    session = left(sessions)
    assert sessions.open(Caller("acme", "k9"), session.id) is session


def test_session_that_is_in_use_may_be_taken_over(sessions: SessionRegistry) -> None:
    session = sessions.open(ACME, None)
    sessions.attach(session, object())
    assert sessions.open(ACME, session.id) is session


def test_session_waits_for_its_client(sessions: SessionRegistry, clock: FakeClock) -> None:
    session = left(sessions)
    clock.advance(RESUME_S)
    assert sessions.expire() == []
    assert sessions.open(ACME, session.id) is session


def test_session_expires_after_that(sessions: SessionRegistry, clock: FakeClock) -> None:
    session = left(sessions)
    clock.advance(RESUME_S + 1)
    assert sessions.expire() == [session]


def test_expired_session_is_not_taken_up_even_before_the_sweep(
    sessions: SessionRegistry, clock: FakeClock
) -> None:
    session = left(sessions)
    clock.advance(RESUME_S + 1)
    assert sessions.open(ACME, session.id) is not session


def test_expired_sessions_are_gone(sessions: SessionRegistry, clock: FakeClock) -> None:
    left(sessions)
    clock.advance(RESUME_S + 1)
    sessions.expire()
    assert len(sessions) == 0


def test_session_with_a_connection_never_expires(
    sessions: SessionRegistry, clock: FakeClock
) -> None:
    sessions.attach(sessions.open(ACME, None), object())
    clock.advance(10 * RESUME_S)
    assert sessions.expire() == []


def test_client_that_came_back_starts_the_time_anew(
    sessions: SessionRegistry, clock: FakeClock
) -> None:
    session = left(sessions)
    clock.advance(RESUME_S - 1)
    sessions.attach(sessions.open(ACME, session.id), object())
    sessions.detach(session)
    clock.advance(RESUME_S - 1)
    assert sessions.expire() == []


def test_longest_absent_go_first_when_there_are_too_many(
    sessions: SessionRegistry, clock: FakeClock
) -> None:
    gone = []
    for _ in range(5):
        gone.append(left(sessions))
        clock.advance(1)
    assert sessions.expire() == gone[:2]


def test_attached_sessions_do_not_count_against_the_absent(sessions: SessionRegistry) -> None:
    for _ in range(5):
        sessions.attach(sessions.open(ACME, None), object())
    assert sessions.expire() == []


def test_attached_sessions_are_counted(sessions: SessionRegistry) -> None:
    sessions.attach(sessions.open(ACME, None), object())
    left(sessions)
    assert (sessions.attached, len(sessions)) == (1, 2)


def test_reason_of_the_departure_reaches_the_session(sessions: SessionRegistry) -> None:
    session = sessions.open(ACME, None)
    sessions.attach(session, object())
    session.sent(7, job_of(1).id)
    sessions.detach(session, was_oversized=True)
    assert session.was_oversized(7)


def test_absent_sessions_above_the_limit_are_given_up_at_once(sessions: SessionRegistry) -> None:
    gone = [left(sessions) for _ in range(5)]
    assert (len(sessions), sessions.has_given_up.is_set()) == (3, True)
    assert sessions.open(ACME, gone[0].id) is not gone[0]


def test_nothing_is_given_up_twice(sessions: SessionRegistry) -> None:
    for _ in range(5):
        left(sessions)
    sessions.expire()
    assert (sessions.expire(), sessions.has_given_up.is_set()) == ([], False)


def test_tenant_with_as_many_sockets_as_it_may_have_is_refused(sessions: SessionRegistry) -> None:
    for _ in range(9):
        sessions.attach(sessions.open(ACME, None), object())
    with pytest.raises(RateLimited):
        sessions.open(ACME, None)


def test_absent_session_is_no_way_past_the_limit(sessions: SessionRegistry) -> None:
    absent = left(sessions)
    for _ in range(9):
        sessions.attach(sessions.open(ACME, None), object())
    with pytest.raises(RateLimited):
        sessions.open(ACME, absent.id)


def test_session_in_use_is_taken_over_though_there_is_no_room(sessions: SessionRegistry) -> None:
    used = [sessions.open(ACME, None) for _ in range(9)]
    for session in used:
        sessions.attach(session, object())
    assert sessions.open(ACME, used[0].id) is used[0]


def test_sockets_of_one_tenant_leave_room_for_another(sessions: SessionRegistry) -> None:
    for _ in range(9):
        sessions.attach(sessions.open(ACME, None), object())
    sessions.attach(sessions.open(OTHER, None), object())


def test_sockets_of_all_tenants_have_a_limit_too(sessions: SessionRegistry) -> None:
    for number in range(12):
        caller = Caller(f"tenant{number}", "k")
        sessions.attach(sessions.open(caller, None), object())
    with pytest.raises(Overloaded):
        sessions.open(OTHER, None)


def test_socket_that_leaves_makes_room(sessions: SessionRegistry) -> None:
    opened = [sessions.open(ACME, None) for _ in range(9)]
    for session in opened:
        sessions.attach(session, object())
    sessions.detach(opened[0])
    sessions.attach(sessions.open(ACME, None), object())


def test_session_taken_over_by_another_socket_counts_once(sessions: SessionRegistry) -> None:
    session = sessions.open(ACME, None)
    sessions.attach(session, object())
    sessions.attach(session, object())
    sessions.detach(session)
    assert sessions.attached == 0
