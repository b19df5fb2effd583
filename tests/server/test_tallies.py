"""Counters in dictionaries: told to Prometheus just as its own are."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from server.tallies import Spread, Tally

BOUNDS = (0.1, 1, 2.5)


def told(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return sorted(line for line in lines if "_created" not in line)


def test_tally_reads_like_a_counter() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tally = Tally("tasks", "Tasks.", ("kind", "end"), registry=ours)
    counter = Counter("tasks", "Tasks.", ("kind", "end"), registry=theirs)
    for place, amount in ((("a", "ok"), 1), (("a", "ok"), 2.5), (("b", "no"), 1)):
        tally.at(*place).add(amount)
        counter.labels(*place).inc(amount)

    assert told(ours) == told(theirs)


def test_spread_reads_like_a_histogram() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    spread = Spread("seconds", "Time.", ("kind",), bounds=BOUNDS, registry=ours)
    histogram = Histogram("seconds", "Time.", ("kind",), buckets=BOUNDS, registry=theirs)
    for value in (0, 0.1, 0.11, 1, 2.4, 2.5, 2.6, 100):
        spread.at("a").observe(value)
        histogram.labels("a").observe(value)

    assert told(ours) == told(theirs)
