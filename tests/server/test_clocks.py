"""Time-outs come from a clock that nobody sets; the time of day only where it outlives a process.

A jump of the time of day then moves when something expires or is due, and ends no wait.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import job_of
from msgspec.structs import replace

from protocol.jobs import Job

ROOT = Path(__file__).parents[2]
MEASURES_WAITS = (
    *("inference/batcher", "inference/inputs", "inference/local_engine/lines.py"),
    *("inference/local_engine/streams.py", "inference/models", "inference/sandbox"),
    *("inference/steps", "inference/tools.py", "inference/worker.py"),
    *("server/connection.py", "server/edge", "server/http_tasks.py", "server/rates.py"),
    *("server/health.py", "server/session.py", "server/session_registry.py"),
)
TIME_OF_DAY = {"time.time", "time.time_ns", "datetime.now", "datetime.today"}


def _reads(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


@pytest.mark.parametrize("place", MEASURES_WAITS)
def test_what_measures_waits_never_reads_the_time_of_day(place: str) -> None:
    files = [ROOT / place] if place.endswith(".py") else list((ROOT / place).rglob("*.py"))
    assert files
    for file in files:
        assert not TIME_OF_DAY & set(_reads(ast.parse(file.read_text())))


def job() -> Job:
    return replace(job_of(), submitted_at=1_000.0, deadline_at=1_060.0)


def test_clock_that_is_set_back_gives_a_job_no_more_than_its_life() -> None:
    assert job().time_left_s(1_010.0 - 3_600) == 60.0


def test_clock_that_goes_right_leaves_a_job_the_rest_of_its_life() -> None:
    assert job().time_left_s(1_010.0) == 50.0


def test_async_job_has_its_whole_life_whatever_the_clock_says() -> None:
    task = replace(job().task, delivery_method="async")
    for now in (0.0, 1_010.0, 10_000.0):
        assert replace(job(), task=task).time_left_s(now) == 60.0
