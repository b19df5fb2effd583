"""A session: what its client is owed, what it was sent, and what it has."""

from __future__ import annotations

import uuid

from fakes import job_of

from server.auth import Caller
from server.session import Session

CALLER = Caller("acme", "k1")


def session() -> Session:
    return Session(CALLER)


def sent(*seqs: int) -> Session:
    """A session with a connection, whose client was sent these results."""
    session = Session(CALLER)
    session.attach(object())
    for seq in seqs:
        session.sent(seq, job_of(seq).id)
    return session


def test_session_has_a_random_uuid() -> None:
    assert uuid.UUID(session().id).version == 4


def test_sessions_have_ids_and_streams_of_their_own() -> None:
    one, other = session(), session()
    assert one.id != other.id
    assert one.stream != other.stream


def test_new_session_starts_before_the_first_result() -> None:
    assert session().confirmed_seq == 0


def test_tasks_that_were_taken_are_outstanding() -> None:
    it = session()
    it.owed.add(job_of(1).id)
    assert it.outstanding == 1


def test_task_whose_result_was_sent_is_not_outstanding() -> None:
    it = session()
    it.owed.add(job_of(1).id)
    it.sent(7, job_of(1).id)
    assert it.outstanding == 0


def test_result_of_a_task_that_is_not_owed_may_be_sent() -> None:
    it = session()
    it.sent(7, job_of(1).id)
    assert it.outstanding == 0


def test_sent_result_is_not_the_clients_yet() -> None:
    assert sent(7).confirmed_seq == 0


def test_last_sent_result_is_known() -> None:
    assert sent(7, 9).last_sent == 9


def test_nothing_was_sent_at_first() -> None:
    assert session().last_sent is None


def test_confirming_makes_all_that_was_sent_the_clients() -> None:
    it = sent(7, 9)
    assert it.confirm() == 9
    assert it.confirmed_seq == 9


def test_confirming_goes_as_far_as_it_says() -> None:
    it = sent(7, 9, 12)
    assert it.confirm(10) == 9
    assert it.last_sent == 12


def test_confirming_nothing_new_says_so() -> None:
    it = sent(7)
    it.confirm()
    assert it.confirm() is None
    assert it.confirmed_seq == 7


def test_what_is_not_confirmed_is_sent_again_after_a_resume() -> None:
    it = sent(7, 9)
    it.confirm(7)
    it.detach(1.0)
    it.attach(object())
    assert it.confirmed_seq == 7


def test_first_frame_after_a_resume_does_not_confirm_what_the_old_socket_was_sent() -> None:
    it = sent(7)
    it.detach(1.0)
    it.attach(object())
    assert it.confirm() is None


def test_session_without_connection_knows_since_when() -> None:
    it = sent()
    it.detach(5.0)
    assert (it.connection, it.detached_at) == (None, 5.0)


def test_session_that_is_taken_up_again_is_attached() -> None:
    it = sent()
    it.detach(5.0)
    it.attach(object())
    assert it.detached_at is None


def test_connection_that_takes_a_session_learns_from_whom() -> None:
    it, first = session(), object()
    it.attach(first)
    assert it.attach(object()) is first


def test_detached_session_is_taken_from_nobody() -> None:
    it = sent()
    it.detach(5.0)
    assert it.attach(object()) is None


def test_results_are_not_too_large_by_themselves() -> None:
    it = sent(7)
    it.detach(1.0)
    assert not it.was_oversized(7)


def test_result_on_which_the_client_hung_up_is_known() -> None:
    it = sent(7)
    it.detach(1.0, was_oversized=True)
    assert it.was_oversized(7)


def test_largest_result_is_the_one_that_was_too_large() -> None:
    it = session()
    it.sent(7, job_of(1).id, size_bytes=100)
    it.sent(8, job_of(2).id, size_bytes=2_000_000)
    it.sent(9, job_of(3).id, size_bytes=50)
    it.detach(1.0, was_oversized=True)
    assert [seq for seq in (7, 8, 9) if it.was_oversized(seq)] == [8]


def test_result_that_the_client_has_was_not_too_large() -> None:
    it = session()
    it.sent(7, job_of(1).id, size_bytes=2_000_000)
    it.sent(8, job_of(2).id, size_bytes=50)
    it.confirm(7)
    it.detach(1.0, was_oversized=True)
    assert not it.was_oversized(7)


def test_each_hang_up_rules_out_one_more_result() -> None:
    it = session()
    for _ in range(2):
        it.attach(object())
        it.sent(7, job_of(1).id, size_bytes=50 if it.was_oversized(7) else 3_000_000)
        it.sent(8, job_of(2).id, size_bytes=50 if it.was_oversized(8) else 2_000_000)
        it.detach(1.0, was_oversized=True)
    assert it.was_oversized(7)
    assert it.was_oversized(8)


def test_hang_up_before_any_result_blames_none() -> None:
    it = sent()
    it.detach(1.0, was_oversized=True)
    assert not it.was_oversized(0)
