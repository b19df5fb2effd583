"""Whose turn it is: in order within a line, by weight and cost between lines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.fair_queue import FairQueue

INTERACTIVE, BULK = "interactive", "bulk"
ONE_TURN = 1
"""Items of cost 1 that an interactive line may take before it is another one's turn."""


def fill(
    queue: FairQueue[str], tenant: str, count: int, *, cost: float = 1, lane: str = BULK
) -> None:
    for number in range(count):
        queue.put(tenant, lane, cost, f"{tenant}{number}")


def take(queue: FairQueue[str], count: int) -> list[str]:
    taken = [queue.take() for _ in range(count)]
    return [item for item in taken if item is not None]


def share(items: list[str], tenant: str) -> int:
    return sum(item.startswith(tenant) for item in items)


def test_empty_queue_gives_nothing() -> None:
    assert FairQueue[str]().take() is None


def test_items_of_one_tenant_keep_their_order() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 10, lane=INTERACTIVE)
    assert take(queue, 11) == [f"a{number}" for number in range(10)]


@pytest.mark.parametrize("taken_before", range(9))
def test_single_item_waits_for_one_turn_of_a_flood_at_most(taken_before: int) -> None:
    queue = FairQueue[str]()
    fill(queue, "flood", 1_000, lane=INTERACTIVE)
    take(queue, taken_before)
    queue.put("single", INTERACTIVE, 1, "x")
    assert "x" in take(queue, ONE_TURN + 1)


@pytest.mark.parametrize("floods", [1, 5, 50])
def test_single_item_waits_for_one_turn_of_each_flood_at_most(floods: int) -> None:
    queue = FairQueue[str]()
    for number in range(floods):
        fill(queue, f"flood{number}", 100, lane=INTERACTIVE)
    take(queue, 3)
    queue.put("single", INTERACTIVE, 1, "x")
    assert "x" in take(queue, floods * ONE_TURN + 1)


def test_who_has_not_been_asking_has_the_next_turn() -> None:
    queue = FairQueue[str]()
    for number in range(50):
        fill(queue, f"flood{number}", 100, lane=INTERACTIVE)
    take(queue, 200)
    queue.put("single", INTERACTIVE, 1, "x")
    assert queue.take() == "x"


def test_sending_one_at_a_time_brings_no_more_than_a_share() -> None:
    queue = FairQueue[str]()
    fill(queue, "flood", 100, lane=INTERACTIVE)
    taken = take(queue, 4)
    for number in range(20):
        queue.put("sly", INTERACTIVE, 1, f"sly{number}")
        taken += take(queue, 1)
        if taken[-1].startswith("flood"):
            taken += take(queue, 1)
    assert share(taken[4:], "flood") >= 18


def test_bulk_work_does_not_go_first_for_being_new() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 10, lane=INTERACTIVE)
    take(queue, 2)
    queue.put("b", BULK, 1, "x")
    assert queue.take() == "a2"


def test_tenant_that_may_not_go_keeps_its_items_and_its_place() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 2, lane=INTERACTIVE)
    fill(queue, "b", 1, lane=INTERACTIVE)
    assert queue.take(lambda tenant: tenant != "a") == "b0"
    assert take(queue, 2) == ["a0", "a1"]


def test_nothing_is_taken_where_nobody_may_go() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 1)
    assert (queue.take(lambda _: False), len(queue)) == (None, 1)


def test_tenants_of_one_lane_share_alike() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 1_000)
    fill(queue, "b", 100)
    assert share(take(queue, 100), "b") == 50


def test_interactive_line_gets_four_times_the_share_of_a_bulk_line() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 1_000, lane=INTERACTIVE)
    fill(queue, "b", 1_000, lane=BULK)
    assert share(take(queue, 500), "a") == 400


def test_bulk_line_is_never_starved() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 100, lane=INTERACTIVE)
    fill(queue, "b", 100, lane=BULK)
    assert share(take(queue, 10), "b") >= 1


def test_dear_items_get_fewer_turns() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 1_000, cost=1)
    fill(queue, "b", 1_000, cost=4)
    assert share(take(queue, 500), "b") == pytest.approx(100, abs=4)


def test_dear_item_is_taken_in_the_end() -> None:
    queue = FairQueue[str]()
    queue.put("a", BULK, 1_000, "dear")
    assert queue.take() == "dear"


def test_item_of_no_cost_is_taken() -> None:
    queue = FairQueue[str]()
    queue.put("a", BULK, 0, "free")
    assert queue.take() == "free"


def test_credit_is_not_saved_by_being_idle() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 1, lane=INTERACTIVE)
    take(queue, 1)
    fill(queue, "b", 100, lane=INTERACTIVE)
    fill(queue, "a", 100, lane=INTERACTIVE)
    assert share(take(queue, 80), "a") == 40


def test_size_counts_all_items() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 3)
    fill(queue, "b", 2, lane=INTERACTIVE)
    take(queue, 1)
    assert len(queue) == 4


def test_size_of_a_line_counts_one_lane_of_one_tenant() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 3, lane=BULK)
    fill(queue, "a", 2, lane=INTERACTIVE)
    fill(queue, "b", 1, lane=INTERACTIVE)
    assert queue.size_of_line("a", INTERACTIVE) == 2


def test_unknown_tenant_has_no_items() -> None:
    queue = FairQueue[str]()
    assert queue.size_of_line("a", BULK) == 0


def test_size_by_lane_names_every_lane() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 3, lane=BULK)
    assert queue.size_by_lane() == {INTERACTIVE: 0, BULK: 3}


def test_removed_items_are_returned_and_do_not_come() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 4)
    removed = queue.remove(lambda item: item in {"a0", "a2"})
    assert (removed, take(queue, 4)) == (["a0", "a2"], ["a1", "a3"])


def test_removed_items_are_not_counted() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 4)
    queue.remove(lambda _: True)
    assert len(queue) == 0


def test_removing_asks_once_for_each_item() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 3)
    asked: list[str] = []

    def matches(item: str) -> bool:
        asked.append(item)
        return False

    queue.remove(matches)
    assert asked == ["a0", "a1", "a2"]


def test_iterating_shows_what_waits_and_takes_nothing() -> None:
    queue = FairQueue[str]()
    fill(queue, "a", 2)
    assert (sorted(queue), len(queue)) == (["a0", "a1"], 2)


_puts = st.tuples(
    st.sampled_from("abc"), st.sampled_from([INTERACTIVE, BULK]), st.floats(0, 20, width=16)
)


@settings(database=None, deadline=None)
@given(st.lists(st.one_of(_puts, st.none()), max_size=60))
def test_every_item_comes_out_exactly_once(actions: list[tuple[str, str, float] | None]) -> None:
    queue = FairQueue[int]()
    taken: list[int | None] = []
    for number, action in enumerate(actions):
        if action is None:
            taken.append(queue.take())
        else:
            queue.put(*action, number)
    while (item := queue.take()) is not None:
        taken.append(item)
    put = [number for number, action in enumerate(actions) if action is not None]
    assert sorted(item for item in taken if item is not None) == put
    assert len(queue) == 0
