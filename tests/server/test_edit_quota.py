"""How often one tenant may call one edit endpoint."""

from __future__ import annotations

import pytest
from fakes import FakeClock

from protocol.errors import RateLimited
from server.edit_quota import WINDOW_S, EditQuota, EditSettings


def quota_of(limit: int, clock: FakeClock | None = None) -> EditQuota:
    return EditQuota(EditSettings(requests_per_minute=limit), clock or FakeClock())


def call(quota: EditQuota, times: int, tenant: str = "acme", endpoint: str = "erase") -> None:
    for _ in range(times):
        quota.count(tenant, endpoint)


def test_as_many_as_the_limit_pass() -> None:
    call(quota_of(3), 3)


def test_one_more_is_refused() -> None:
    quota = quota_of(3)
    call(quota, 3)
    with pytest.raises(RateLimited):
        call(quota, 1)


def test_refusal_says_when_the_minute_is_over() -> None:
    clock = FakeClock()
    quota = quota_of(1, clock)
    call(quota, 1)
    clock.advance(20)
    with pytest.raises(RateLimited) as caught:
        call(quota, 1)
    assert caught.value.retry_after_s == WINDOW_S - 20


def test_next_minute_counts_anew() -> None:
    clock = FakeClock()
    quota = quota_of(1, clock)
    call(quota, 1)
    clock.advance(WINDOW_S)
    call(quota, 1)


def test_other_tenants_and_endpoints_have_counts_of_their_own() -> None:
    quota = quota_of(1)
    call(quota, 1)
    call(quota, 1, tenant="other")
    call(quota, 1, endpoint="status")


def test_zero_is_no_limit() -> None:
    call(quota_of(0), 1000)


def test_requests_that_passed_elsewhere_count() -> None:
    here, there = quota_of(3), quota_of(3)
    call(here, 2)
    for key, requests in here.let_through().items():
        there.add(key, requests)
    call(there, 1)
    with pytest.raises(RateLimited):
        call(there, 1)
    call(there, 3, endpoint="blur")


def test_requests_that_passed_are_told_once() -> None:
    quota = quota_of(3)
    call(quota, 2)
    assert (list(quota.let_through().values()), quota.let_through()) == ([2], {})
