"""The fuzzers' targets hold for their seeds, for seeds with a few bytes changed, and for findings.

`make fuzz` looks further, for as long as one likes.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

FINDINGS = Path(__file__).parent / "findings"
TARGETS = {
    name: importlib.import_module(f"tests.fuzz.{name}")
    for name in ("addresses", "frames", "pictures")
}
SEEDS = [(name, seed) for name, target in TARGETS.items() for seed in target.seeds()]

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(("name", "seed"), SEEDS, ids=range(len(SEEDS)))
def test_seed_holds(name: str, seed: bytes) -> None:
    TARGETS[name].run(seed)


def test_what_was_found_once_holds() -> None:
    for path in sorted(path for path in FINDINGS.glob("*/*") if path.is_file()):
        TARGETS[path.parent.name].run(path.read_bytes())


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8),
    st.none() | st.integers(0, 2000),
)
def test_changed_seed_holds(
    seed: tuple[str, bytes], edits: list[tuple[int, int]], cut: int | None
) -> None:
    name, start = seed
    data = bytearray(start)
    for place, value in edits:
        data[place % len(data)] = value
    TARGETS[name].run(bytes(data[:cut]))
