from dataclasses import replace

import pytest

from server.deliveries.outbox import Entry
from server.deliveries.schedule import Schedule

NOW = 100.0


def entry(number: int = 1, tenant: str = "acme", host: str = "a.test") -> Entry:
    name = f"{tenant} {host} {number}"
    return Entry(
        id=name, kind="webhook", tenant=tenant, task_uuid=name, host=host, tries=0, due_at=0
    )


@pytest.fixture
def schedule() -> Schedule:
    return Schedule(in_all=4, per_tenant=3, per_host=2)


def fill(schedule: Schedule, *entries: Entry) -> None:
    for one in entries:
        schedule.add(one, NOW)


def taken(schedule: Schedule) -> list[Entry]:
    return list(iter(lambda: schedule.take(NOW), None))


def test_nothing_is_handed_out_before_it_is_due(schedule: Schedule) -> None:
    schedule.add(entry(), NOW + 1)

    assert schedule.take(NOW) is None
    assert schedule.next_due() == NOW + 1
    assert schedule.take(NOW + 1) == entry()


def test_known_delivery_is_not_taken_up_twice(schedule: Schedule) -> None:
    fill(schedule, entry(), entry())

    assert taken(schedule) == [entry()]


def test_host_of_a_tenant_fills_its_own_places_only(schedule: Schedule) -> None:
    fill(schedule, entry(1), entry(2), entry(3), entry(4, host="b.test"))

    assert taken(schedule) == [entry(1), entry(2), entry(4, host="b.test")]


def test_what_waited_for_its_host_comes_in_its_old_order(schedule: Schedule) -> None:
    fill(schedule, *(entry(number) for number in range(5)))
    first, second = taken(schedule)
    schedule.drop(first)
    schedule.drop(second)

    assert taken(schedule) == [entry(2), entry(3)]


def test_tenant_fills_its_own_places_only(schedule: Schedule) -> None:
    fill(schedule, *(entry(1, host=f"{number}.test") for number in range(9)), entry(1, "other"))

    hosts = [one.tenant for one in taken(schedule)]

    assert sorted(hosts) == ["acme", "acme", "acme", "other"]


def test_tenants_take_turns(schedule: Schedule) -> None:
    fill(schedule, entry(1), entry(2), entry(1, "other"), entry(2, "other"))

    assert [one.tenant for one in taken(schedule)] == ["acme", "other", "acme", "other"]


def test_full_service_waits_for_a_free_place(schedule: Schedule) -> None:
    fill(schedule, *(entry(number, f"tenant{number}") for number in range(5)))
    first, *_ = taken(schedule)
    assert schedule.next_due() is None

    schedule.drop(first)

    assert schedule.take(NOW) == entry(4, "tenant4")


def test_retried_delivery_gives_its_place_back_meanwhile(schedule: Schedule) -> None:
    fill(schedule, entry(1), entry(2), entry(3))
    first, _ = taken(schedule)

    schedule.again(replace(first, tries=1), NOW + 5)

    assert schedule.take(NOW) == entry(3)
    assert len(schedule) == 3


def test_ended_delivery_leaves_nothing_behind(schedule: Schedule) -> None:
    fill(schedule, entry())
    schedule.drop(taken(schedule)[0])

    assert len(schedule) == 0
    assert schedule.size_of("acme") == 0
    assert schedule.next_due() is None
