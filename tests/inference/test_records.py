"""A job that waits has its time by a clock that nobody sets."""

from __future__ import annotations

import time

import pytest
from fakes import FakeClock, job_of

from inference.local_engine.records import Record
from protocol.jobs import Job

LIFE_S = 60.0


def job() -> Job:
    now = time.time()
    return job_of(submitted_at=now, deadline_at=now + LIFE_S)


def left_s(record: Record, clock: FakeClock) -> float:
    return record.timed(clock).time_left_s(time.time())


@pytest.mark.parametrize("jump_s", [0.0, 7_200.0, -7_200.0])
def test_setting_the_time_of_day_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    clock = FakeClock()
    record = Record.of(job(), clock)
    clock.advance(20)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 20 + jump_s)
    assert left_s(record, clock) == pytest.approx(LIFE_S - 20, abs=1)


def test_job_is_left_as_it_is_where_the_clocks_agree() -> None:
    clock, taken = FakeClock(), job()
    assert Record.of(taken, clock).timed(clock) is taken


def test_job_of_an_earlier_run_has_waited_since_it_was_sent() -> None:
    clock = FakeClock()
    sent_at = time.time() - 50
    record = Record.of(job_of(submitted_at=sent_at, deadline_at=sent_at + LIFE_S), clock)
    assert left_s(record, clock) == pytest.approx(10, abs=1)
