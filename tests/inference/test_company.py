"""Who has been about lately?"""

from fakes import FakeClock

from inference.company import Company


def test_one_who_was_never_joined_is_alone() -> None:
    company = Company(10, FakeClock())
    company.came("a")
    company.came("a")
    assert company.is_alone("a")


def test_two_are_not_alone_whoever_came_last() -> None:
    company = Company(10, FakeClock())
    for tenant in ("a", "b", "b"):
        company.came(tenant)
    assert not company.is_alone("a")
    assert not company.is_alone("b")


def test_who_stays_away_is_forgotten() -> None:
    clock = FakeClock()
    company = Company(10, clock)
    company.came("b")
    clock.advance(11)
    company.came("a")
    assert company.is_alone("a")
    assert not company.is_alone("b")
