"""Rates of API keys: bursts, steady calls, and when to come back."""

from __future__ import annotations

import pytest
from fakes import FakeClock

from protocol.errors import RateLimited
from server.rates import SWEEP_ABOVE, RateLimiter


def limiter(per_minute: int, clock: FakeClock, burst_s: float = 60.0) -> RateLimiter:
    return RateLimiter(per_minute, burst_s, "tasks", clock)


def calls_taken(rates: RateLimiter, tries: int, key_id: str = "k") -> int:
    taken = 0
    for _ in range(tries):
        try:
            rates.count(key_id)
        except RateLimited:
            continue
        taken += 1
    return taken


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_zero_is_no_limit(clock: FakeClock) -> None:
    assert calls_taken(limiter(0, clock), 10_000) == 10_000


@pytest.mark.parametrize("per_minute", [1, 7, 60, 1000])
def test_a_minutes_worth_may_come_at_once(clock: FakeClock, per_minute: int) -> None:
    assert calls_taken(limiter(per_minute, clock), 2 * per_minute) == per_minute


def test_shorter_burst_makes_a_rate_by_the_second(clock: FakeClock) -> None:
    rates = limiter(600, clock, burst_s=1.0)
    assert calls_taken(rates, 50) == 10
    clock.advance(1.0)
    assert calls_taken(rates, 50) == 10


def test_one_call_may_always_come_however_short_the_burst(clock: FakeClock) -> None:
    assert calls_taken(limiter(6, clock, burst_s=0.1), 5) == 1


def test_steady_calls_at_the_rate_are_never_refused(clock: FakeClock) -> None:
    rates = limiter(60, clock, burst_s=1.0)
    for _ in range(500):
        rates.count("k")
        clock.advance(1.0)


def test_refusal_says_when_to_come_back(clock: FakeClock) -> None:
    rates = limiter(10, clock)
    calls_taken(rates, 10)
    with pytest.raises(RateLimited) as caught:
        rates.count("k")
    assert caught.value.retry_after_s == pytest.approx(6.0)


def test_who_comes_back_then_is_let_in(clock: FakeClock) -> None:
    rates = limiter(10, clock)
    calls_taken(rates, 10)
    clock.advance(6.0)
    rates.count("k")


def test_refused_calls_do_not_put_it_off(clock: FakeClock) -> None:
    rates = limiter(10, clock)
    calls_taken(rates, 500)
    clock.advance(6.0)
    rates.count("k")


def test_calls_that_passed_elsewhere_count(clock: FakeClock) -> None:
    rates = limiter(10, clock)
    rates.add("k", 7)
    assert calls_taken(rates, 10) == 3


def test_too_many_calls_elsewhere_are_waited_for(clock: FakeClock) -> None:
    rates = limiter(60, clock)
    rates.add("k", 90)
    clock.advance(30.0)
    assert calls_taken(rates, 10) == 0
    clock.advance(5.0)
    assert calls_taken(rates, 10) == 5


def test_calls_that_passed_are_told_once(clock: FakeClock) -> None:
    rates = limiter(2, clock)
    calls_taken(rates, 5)
    rates.add("k", 1)
    assert (rates.let_through(), rates.let_through()) == ({"k": 2}, {})


def test_keys_are_counted_apart(clock: FakeClock) -> None:
    rates = limiter(1, clock)
    assert (calls_taken(rates, 5, "a"), calls_taken(rates, 5, "b")) == (1, 1)


def test_sweep_forgets_nobody_who_has_to_wait(clock: FakeClock) -> None:
    rates = limiter(1, clock)
    rates.count("kept")
    for number in range(SWEEP_ABOVE + 5):
        rates.count(f"k{number}")
    assert calls_taken(rates, 1, "kept") == 0


def test_sweep_loses_no_call_that_others_are_to_be_told_of(clock: FakeClock) -> None:
    rates, keys = limiter(10, clock), SWEEP_ABOVE + 5
    for number in range(keys):
        rates.count(f"k{number}")
    assert rates.let_through() == {f"k{number}": 1 for number in range(keys)}
