"""What is asked of the model: how many workers, which broker, what a burst does, what a flood."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from benchmarks.simulation.autoscaler import ScalingRule
from benchmarks.simulation.events import Simulation
from benchmarks.simulation.figures import (
    CLUSTER,
    SINGLE,
    SYNCED,
    BrokerFigures,
    Figures,
    MachineFigures,
)
from benchmarks.simulation.fleet import (
    Fleet,
    Operator,
    Plan,
    latencies_ms,
    percentile,
    send_at_random,
)

RATES = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
GOAL_MS = 500.0
TENANTS = tuple(f"t{number}" for number in range(200))
GATEWAY_FULL = 0.6
"""A gateway is given this share of what it can do, not more."""
BROKER_FULL_PER_S = 1_000
"""And a broker so many tasks a second; beyond that there are several services side by side."""
WARM_UP = 0.2
"""The first tasks meet an empty service, and are left out."""


def steady(plan: Plan, per_s: float, tasks: int, seed: int = 1) -> dict[str, float]:
    """Send so many tasks at a rate that stays; how long did they take?"""
    simulation = Simulation(seed)
    fleet = Fleet(simulation, plan)
    send_at_random(fleet, lambda _: per_s, per_s, tasks / per_s, TENANTS)
    simulation.run(tasks / per_s)
    load = sum(w.cores.busy_s for w in fleet.workers) / simulation.now
    simulation.run()
    begun = tasks / per_s * WARM_UP
    kept = [task for task in fleet.ended if task.submitted_at >= begun]
    return latencies_ms(kept) | {
        "refused": fleet.refused,
        "core_load": round(load / (len(fleet.workers) * plan.machine.cores), 3),
    }


def workers_needed(figures: Figures, tasks: int, least_s: float) -> list[dict[str, Any]]:
    """For each rate the fewest workers that keep the p99, for CPU and GPU workers."""
    rows = []
    for machine in (figures.cpu, figures.gpu):
        known: dict[float, tuple[int, dict[str, float]]] = {}
        for rate in RATES:
            brokers = math.ceil(rate / BROKER_FULL_PER_S)
            # Beyond one broker the service is that many of the same, which share nothing.
            share = rate / brokers
            gateways = max(1, math.ceil(share * figures.gateway_ms / 1e3 / GATEWAY_FULL))
            plan = Plan(machine, 0, gateways, figures.gateway_ms, broker=figures.broker, prefetch=2)
            if share not in known:
                known[share] = fewest(plan, share, max(tasks, round(least_s * share)))
            count, seen = known[share]
            rows.append(
                {
                    "worker": machine.name,
                    "tasks_per_s": rate,
                    "brokers": brokers,
                    "gateways": brokers * gateways,
                    "workers": brokers * count,
                    **seen,
                }
            )
    return rows


def fewest(
    plan: Plan, per_s: float, tasks: int, goal_ms: float = GOAL_MS
) -> tuple[int, dict[str, float]]:
    """Find the fewest workers with which the p99 stays within the goal."""

    def ask(count: int) -> dict[str, float]:
        seen[count] = seen.get(count) or steady(replace(plan, workers=count), per_s, tasks)
        return seen[count]

    seen: dict[int, dict[str, float]] = {}
    low = max(1, math.ceil(per_s / plan.machine.tasks_per_s))
    high = low
    while ask(high)["p99_ms"] > goal_ms or ask(high)["refused"]:
        low, high = high + 1, max(high + 1, math.ceil(high * 1.15))
        if high > 1e4:
            raise ValueError(f"goal_ms is {goal_ms}: below what one picture takes")
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if ask(middle)["p99_ms"] <= goal_ms else (middle + 1, high)
    return high, ask(high)


def prefetching(figures: Figures, tasks: int) -> list[dict[str, Any]]:
    """What holding tasks ahead costs: sixteen workers of two cores, at two loads."""
    machine, count = replace(figures.cpu, name="CPU, 2 cores", cores=2), 16
    rows = []
    for load in (0.8, 0.9):
        per_s = load * count * machine.tasks_per_s
        for prefetch in (2, 4, 8, 16, 32):
            seen = steady(Plan(machine, count, prefetch=prefetch), per_s, tasks)
            rows.append({"load": load, "prefetch": prefetch, **seen})
    return rows


IDLE = MachineFigures("does nothing", cores=1_000, core_ms=0.01, variation=0.0)


def brokers(tasks: int) -> list[dict[str, Any]]:
    """Where a broker saturates: one, more pools on it, more brokers."""
    rows = []
    for broker in (SINGLE, CLUSTER, SYNCED):
        for pools, count in ((1, 1), (4, 1), (4, 4)):
            if broker is not SINGLE and (pools, count) != (1, 1):
                continue
            rows.extend(_broker_rows(broker, pools, count, tasks))
    return rows


def _broker_rows(broker: BrokerFigures, pools: int, count: int, tasks: int) -> list[dict[str, Any]]:
    rows = []
    layout = f"{pools} pools, {'a broker each' if count > 1 else 'on one broker'}"
    layout = broker.name if pools == 1 else layout
    for share in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1):
        per_s = share * broker.tasks_per_s
        plan = Plan(IDLE, 4, pools=pools // count, broker=broker, quota=10**9)
        seen = steady(plan, per_s, tasks)
        rows.append(
            {
                "layout": layout,
                "tasks_per_s": round(per_s * count),
                **{name: seen[name] for name in ("p50_ms", "p99_ms")},
            }
        )
    return rows


CALM_PER_S, BURST_PER_S = 20.0, 200.0
BURST_FROM_S, BURST_FOR_S, END_S = 100.0, 200.0, 900


def bursts(figures: Figures, *, is_quick: bool) -> dict[str, Any]:
    """Ten times the load for 200 s on CPU workers: what the autoscaler makes of it."""
    most = math.ceil(BURST_PER_S / figures.cpu.tasks_per_s) + 2
    rules = {
        "fixed": ScalingRule(64, minimum=most, maximum=most),
        "from 1, starts in 60 s": ScalingRule(64, maximum=most),
        "from 1, starts in 180 s": ScalingRule(64, maximum=most, start_s=180.0),
        "from 1, starts in 15 s": ScalingRule(64, maximum=most, start_s=15.0),
        "from 1, no stabilisation": ScalingRule(64, maximum=most, stabilise_s=0.0),
        "from 3, starts in 60 s": ScalingRule(64, minimum=3, maximum=most),
    }
    if is_quick:
        rules = {"from 1, starts in 60 s": rules["from 1, starts in 60 s"]}
    return {name: burst(figures, rule) for name, rule in rules.items()}


def burst(figures: Figures, rule: ScalingRule, seed: int = 1) -> dict[str, Any]:
    """One burst in a quarter of an hour; a row each 10 s."""
    simulation = Simulation(seed)
    gateways = math.ceil(BURST_PER_S * figures.gateway_ms / 1e3 / GATEWAY_FULL)
    plan = Plan(
        figures.cpu, rule.minimum, gateways, figures.gateway_ms, broker=figures.broker, quota=20_000
    )
    fleet = Fleet(simulation, plan)
    operator = Operator(fleet, rule)

    def rate(now: float) -> float:
        return BURST_PER_S if 0 <= now - BURST_FROM_S < BURST_FOR_S else CALM_PER_S

    send_at_random(fleet, rate, BURST_PER_S, END_S, TENANTS)
    rows, seen = [], 0
    for end_s in range(10, END_S + 1, 10):
        simulation.run(end_s)
        took = [task.took_s for task in fleet.ended[seen:]]
        seen = len(fleet.ended)
        rows.append(
            {
                "s": end_s,
                "backlog": fleet.streams[0].backlog,
                "ready": len(fleet.workers),
                "paid": operator.count,
                "p99_s": round(percentile(took, 0.99), 3),
            }
        )
    in_burst = [t.took_s for t in fleet.ended if t.submitted_at >= BURST_FROM_S]
    late = [row["s"] for row in rows if row["p99_s"] > 2 * GOAL_MS / 1e3]
    return {
        "longest_s": round(max(in_burst), 2),
        "p99_s": round(percentile(in_burst, 0.99), 2),
        "largest_backlog": max(row["backlog"] for row in rows),
        "late_for_s": 10 * len(late),
        "worker_hours": round(operator.worker_s / 3_600, 2),
        "refused": fleet.refused,
        "rows": rows,
    }


FLOOD = 1_900
SMALL_TENANTS = TENANTS[:10]
FLOODER = "flood"


def floods(figures: Figures) -> dict[str, Any]:
    """One tenant sends 1,900 tasks within two seconds; ten others go on with two a second each."""
    found = {}
    for name, has_lanes, size in (
        ("no flood", True, 0),
        ("one line", False, FLOOD),
        ("lanes", True, FLOOD),
    ):
        simulation = Simulation(1)
        plan = Plan(
            figures.gpu, 1, 1, figures.gateway_ms, broker=figures.broker, has_lanes=has_lanes
        )
        fleet = Fleet(simulation, plan)
        send_at_random(fleet, lambda _: 20.0, 20.0, 30.0, SMALL_TENANTS)
        for number in range(size):
            simulation.after(5.0 + 2.0 * number / size, fleet.submit, FLOODER)
        simulation.run()
        flood = [task for task in fleet.ended if task.tenant == FLOODER]
        small = [t for t in fleet.ended if t.tenant != FLOODER and t.submitted_at >= 5.0]
        found[name] = {
            "small_tenants": latencies_ms(small),
            "flood_took_s": round(max((task.took_s for task in flood), default=0.0), 2),
            "refused": fleet.refused,
        }
    return found
