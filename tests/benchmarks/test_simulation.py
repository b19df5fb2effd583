"""The model against what queueing theory, the service's settings and Kubernetes say."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from benchmarks.simulation.autoscaler import Autoscaler, ScalingRule
from benchmarks.simulation.broker import Broker, Stream, Task
from benchmarks.simulation.events import BatchStation, Simulation, Station
from benchmarks.simulation.figures import BrokerFigures, MachineFigures
from benchmarks.simulation.fleet import Fleet, Plan, percentile, send_at_random
from benchmarks.simulation.scenarios import steady
from benchmarks.simulation.worker import Worker

QUICK_BROKER = BrokerFigures("takes no time", 1e9, 0.0)
TASKS = 40_000


def mean_wait(servers: int, per_s: float, service_s: float, *, is_random: bool) -> float:
    """Let customers arrive at random; how long do they wait on average?"""
    simulation = Simulation(7)
    station = Station(simulation, servers)
    rates = random.Random(8)
    waits: list[float] = []

    def arrive(left: int) -> None:
        begun = simulation.now
        takes = rates.expovariate(1 / service_s) if is_random else service_s
        station.enter(takes, lambda: waits.append(simulation.now - begun - takes))
        if left:
            simulation.after(simulation.random.expovariate(per_s), arrive, left - 1)

    arrive(TASKS)
    simulation.run()
    return sum(waits) / len(waits)


def erlang_c(servers: int, load: float) -> float:
    """The share of customers that wait in an M/M/c queue; `load` is in servers."""
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(load**k / math.factorial(k) for k in range(servers)) + last)


def test_one_server_with_random_service_waits_as_mm1_says() -> None:
    wait = mean_wait(1, per_s=0.7, service_s=1.0, is_random=True)
    assert wait == pytest.approx(0.7 / (1 - 0.7), rel=0.1)


def test_one_server_with_fixed_service_waits_as_pollaczek_and_khinchine_say() -> None:
    wait = mean_wait(1, per_s=0.8, service_s=1.0, is_random=False)
    assert wait == pytest.approx(0.8 / (2 * (1 - 0.8)), rel=0.1)


def test_many_servers_with_fixed_service_wait_as_cosmetatos_says() -> None:
    # Cosmetatos (1975): M/D/c from M/M/c, within about a percent.
    servers, load = 4, 3.2
    share = load / servers
    of_mmc = erlang_c(servers, load) / (servers - load)
    factor = (1 - share) * (servers - 1) * (math.sqrt(4 + 5 * servers) - 2) / (16 * load)
    wait = mean_wait(servers, per_s=load, service_s=1.0, is_random=False)
    assert wait == pytest.approx(of_mmc / 2 * (1 + factor), rel=0.1)


def test_ties_go_in_the_order_of_planning() -> None:
    simulation, seen = Simulation(), []
    for name in "abc":
        simulation.after(1.0, seen.append, name)
    simulation.run()
    assert seen == ["a", "b", "c"]


def test_a_batch_takes_all_that_waits_up_to_its_limit() -> None:
    simulation = Simulation()
    station = BatchStation(simulation, 4, lambda size: 1.0 + 0.1 * size)
    ended: list[float] = []
    for _ in range(7):
        station.enter(lambda: ended.append(simulation.now))
    simulation.run()
    assert station.sizes == [4, 3]
    assert ended == pytest.approx([1.4] * 4 + [1.4 + 1.3] * 3)


def test_a_batch_does_not_wait_to_be_full() -> None:
    simulation = Simulation()
    station = BatchStation(simulation, 16, lambda size: 1.0)
    station.enter(lambda: None)
    simulation.after(0.5, station.enter, lambda: None)
    simulation.run()
    assert station.sizes == [1, 1]
    assert simulation.now == 2.0


def test_interactive_tasks_have_four_turns_for_one_of_bulk() -> None:
    simulation = Simulation()
    stream = Stream(Broker(simulation, QUICK_BROKER))
    ended: list[Task] = []
    machine = MachineFigures("one at a time", 1, 100.0, variation=0.0, slots=1)
    Worker(simulation, stream, machine, ended.append, prefetch=64)
    for _ in range(60):
        stream.publish(Task("asks", 0.0))
        stream.publish(Task("floods", 0.0, lane="b0"))
    simulation.run(5.05)
    counts = Counter(task.tenant for task in ended)
    assert counts["asks"] / counts["floods"] == pytest.approx(4, rel=0.15)


def test_what_a_tenant_has_above_its_share_waits_as_bulk() -> None:
    simulation = Simulation()
    fleet = Fleet(simulation, Plan(MachineFigures("slow", 1, 1e3), 1, broker=QUICK_BROKER))
    for _ in range(40):
        fleet.submit("acme")
    simulation.run()
    assert Counter(task.lane == "i" for task in fleet.ended) == {True: 32, False: 8}


def test_what_is_above_the_quota_is_refused() -> None:
    simulation = Simulation()
    machine = MachineFigures("slow", 1, 1e3)
    fleet = Fleet(simulation, Plan(machine, 1, broker=QUICK_BROKER, quota=50))
    for _ in range(100):
        fleet.submit("acme")
    simulation.run()
    assert fleet.refused == 100 - 32 - 50
    assert len(fleet.ended) == 32 + 50


def test_a_stopped_worker_leaves_its_tasks_to_the_others() -> None:
    simulation = Simulation()
    fleet = Fleet(simulation, Plan(MachineFigures("slow", 1, 1e3), 2, broker=QUICK_BROKER))
    for _ in range(20):
        fleet.submit("acme")
    simulation.run(1.5)
    fleet.workers.pop().stop()
    simulation.run()
    assert len(fleet.ended) == 20
    assert fleet.streams[0].backlog == 0


def test_a_broker_is_full_at_its_rate_however_many_pools_it_has() -> None:
    machine = MachineFigures("does nothing", 100, 0.01, variation=0.0)
    for pools in (1, 4):
        plan = Plan(machine, 2, pools=pools, broker=BrokerFigures("b", 1_000, 2.0), quota=10**9)
        assert steady(plan, 900, 1_500)["p99_ms"] < 50
        assert steady(plan, 1_600, 1_500)["p99_ms"] > 300


def test_one_seed_gives_one_result() -> None:
    plan = Plan(MachineFigures("CPU", 4, 50.0), 2)
    assert steady(plan, 100, 500, seed=3) == steady(plan, 100, 500, seed=3)
    assert steady(plan, 100, 500, seed=3) != steady(plan, 100, 500, seed=4)


def test_tasks_come_at_the_rate_of_their_time() -> None:
    simulation = Simulation(1)
    fleet = Fleet(simulation, Plan(MachineFigures("quick", 100, 0.1), 1, broker=QUICK_BROKER))
    send_at_random(fleet, lambda now: 100.0 if now < 50 else 10.0, 100.0, 100.0, ["acme"])
    simulation.run()
    early = sum(task.submitted_at < 50 for task in fleet.ended)
    assert early == pytest.approx(5_000, rel=0.05)
    assert len(fleet.ended) - early == pytest.approx(500, rel=0.15)


def test_backlog_over_target_is_how_many_workers_are_wanted() -> None:
    assert Autoscaler(ScalingRule(64, maximum=10)).decide(0.0, 3, 300) == 5


def test_a_tenth_above_or_below_changes_nothing() -> None:
    autoscaler = Autoscaler(ScalingRule(100, maximum=10))
    assert autoscaler.decide(0.0, 4, 439) == 4
    assert autoscaler.decide(15.0, 4, 441) == 5


def test_at_once_it_doubles_or_adds_four() -> None:
    assert Autoscaler(ScalingRule(1, maximum=100)).decide(0.0, 2, 1_000) == 6
    assert Autoscaler(ScalingRule(1, maximum=100)).decide(0.0, 20, 1_000) == 40


def test_it_goes_down_only_after_the_stabilisation() -> None:
    autoscaler = Autoscaler(ScalingRule(64, stabilise_s=300.0))
    assert autoscaler.decide(0.0, 8, 512) == 8
    assert autoscaler.decide(290.0, 8, 0) == 8
    assert autoscaler.decide(305.0, 8, 0) == 1


def test_the_last_worker_goes_after_the_cooldown_and_comes_with_a_task() -> None:
    autoscaler = Autoscaler(ScalingRule(64, minimum=0, stabilise_s=0.0, cooldown_s=300.0))
    assert autoscaler.decide(0.0, 1, 5) == 1
    assert autoscaler.decide(299.0, 1, 0) == 1
    assert autoscaler.decide(301.0, 1, 0) == 0
    assert autoscaler.decide(316.0, 0, 0) == 0
    assert autoscaler.decide(331.0, 0, 1) == 1


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile(range(1, 101), 0.99) == 99
    assert percentile([5.0], 0.5) == 5.0
    assert percentile([], 0.5) == 0.0
