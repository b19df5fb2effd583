"""What is aimed at, and what of it the committed figures show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Found = Mapping[str, Any]
COMMANDS = {
    "matting": "python -m benchmarks matting --data FOLDER",
    "peers": "python -m benchmarks peers --rounds 2",
    "kill": 'make kill ARGS="--rounds 10 --tasks 2000 {json}"',
}
"""Of benchmarks that want more than their name."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure of one benchmark, and its bound."""

    benchmark: str
    what: str
    figure: Callable[[Found], float]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def bound(self) -> str:
        """The bound, written."""
        return f"≤ {self.at_most:g}" if self.at_most is not None else f"≥ {self.at_least:g}"

    def is_met(self, measured: float) -> bool:
        """Compare."""
        if self.at_most is not None:
            return measured <= self.at_most
        return self.at_least is not None and measured >= self.at_least


def _over(peer: str, key: str = "cpu_s_per_picture") -> Callable[[Found], float]:
    return lambda found: found[peer][key] / found["cutwire"][key]


def _int8_rate(found: Found) -> float:
    peers = ("rembg", "rembg-1-thread", "litserve", "mosec")
    return found["cutwire-int8"]["per_s"] / max(found[name]["per_s"] for name in peers)


def _png(key: str) -> Callable[[Found], float]:
    def figure(found: Found) -> float:
        png = found["1mp"]["encode png"]
        level_1 = png["level 1"]
        return level_1["ratio"] if key == "speed" else png["ours"]["bytes"] / level_1["bytes"]

    return figure


def _slowest_blur(found: Found) -> float:
    edits = found["12mp"]
    return max(edits[name]["ours"]["cpu_ms"] for name in edits if name.startswith("blur"))


def _worst_loss(found: Found) -> float:
    return max((max(one["mse_ratio"], one["sad_ratio"]) for one in found["losses"]), default=1.0)


def _matting_later(found: Found) -> float:
    start = found["start"]
    return float(start["first_matting_s"] - start["first_result_s"])


def _at(*keys: str) -> Callable[[Found], float]:
    def figure(found: Any) -> float:
        for key in keys:
            found = found[key]
        return float(found)

    return figure


BESIDE_A_FLOOD = ("jetstream", "small_tenants_beside_a_flood", "p99_ms")

GOALS = (
    Goal("peers", "rembg's CPU time a picture over ours", _over("rembg"), at_least=2),
    Goal("peers", "… rembg with one thread", _over("rembg-1-thread"), at_least=1.4),
    Goal("peers", "… LitServe", _over("litserve"), at_least=1.4),
    Goal("peers", "… mosec", _over("mosec"), at_least=1.4),
    Goal("peers", "int8: our rate over the best peer's f32 rate", _int8_rate, at_least=2.5),
    Goal("peers", "our rate over that of the bare session", _at("raw_ort_share"), at_least=0.88),
    Goal("peers", "peak memory, MB", _at("cutwire", "rss_mb"), at_most=700),
    Goal("peers", "p95 over p50, 8 clients", _at("cutwire", "p95_over_p50"), at_most=1.15),
    Goal("stages", "all but the network, 1 MP, CPU ms", _at("1mp", "ours_ms"), at_most=25),
    Goal("stages", "… 4 MP", _at("4mp", "ours_ms"), at_most=100),
    Goal("codecs", "PNG: Pillow's time at level 1 over ours", _png("speed"), at_least=6),
    Goal("codecs", "PNG: our size over Pillow's at level 1", _png("size"), at_most=1.02),
    Goal("steps", "12 MP: the slowest blur, CPU ms", _slowest_blur, at_most=100),
    *(
        Goal("steps", f"12 MP: {edit}, CPU ms", _at("12mp", edit, "ours", "cpu_ms"), at_most=60)
        for edit in ("crop", "product", "cut-out", "compose")
    ),
    Goal("matting", "rembg's matting time over ours, 1 MP", _at("1mp", "ratio"), at_least=30),
    Goal("matting", "… 4 MP", _at("4mp", "ratio"), at_least=75),
    Goal("matting", "… 12 MP", _at("12mp", "ratio"), at_least=120),
    Goal("matting", "our matting, 1 MP, ms", _at("1mp", "ours_ms"), at_most=80),
    Goal("matting", "… 4 MP", _at("4mp", "ours_ms"), at_most=180),
    Goal("matting", "… 12 MP", _at("12mp", "ours_ms"), at_most=400),
    Goal("matting", "our MSE over closed-form's", _at("mse_ratio"), at_most=1),
    Goal("matting", "our SAD over closed-form's", _at("sad_ratio"), at_most=1),
    Goal("matting", "the worst picture's ratio", _worst_loss, at_most=1.5),
    *(
        goal
        for size in ("1mp", "4mp")
        for goal in (
            Goal(
                "matting",
                f"exact, {size[0]} MP: pymatting's time over ours",
                _at("exact", size, "ratio"),
                at_least=1.5,
            ),
            Goal(
                "matting",
                f"exact, {size[0]} MP: our memory over pymatting's",
                _at("exact", size, "peak_share"),
                at_most=0.2,
            ),
            Goal(
                "matting",
                f"exact, {size[0]} MP: largest difference",
                _at("exact", size, "largest_difference"),
                at_most=1e-12,
            ),
        )
    ),
    Goal("gateway", "rate over a bare no-op server's", _at("share_of_bare"), at_least=0.6),
    Goal("gateway", "… in arrays", _at("array_share_of_bare"), at_least=0.6),
    Goal("gateway", "loop held by a task, p50, ms", _at("loop_held_ms", "p50"), at_most=0.5),
    Goal("gateway", "… p99", _at("loop_held_ms", "p99"), at_most=2),
    Goal("gateway", "added to a task at p50, ms", _at("added_p50_ms"), at_most=2),
    Goal("engines", "added to a task by NATS JetStream at p50, ms", _at("added_p50_ms"), at_most=2),
    Goal("engines", "tasks/s with it", _at("jetstream", "tasks_per_s"), at_least=1600),
    Goal("engines", "small tenants beside a flood, p99, ms", _at(*BESIDE_A_FLOOD), at_most=40),
    Goal("kill", "tasks lost", _at("lost"), at_most=0),
    Goal("kill", "… with two results", _at("twice"), at_most=0),
    Goal("kill", "… charged twice", _at("double_charged"), at_most=0),
    Goal("kill", "… never charged", _at("uncharged"), at_most=0),
    Goal("service", "start to first result, s", _at("start", "first_result_s"), at_most=3),
    Goal("service", "from there to first matting, s", _matting_later, at_most=2),
    Goal("service", "import of the service, s", _at("start", "import_s"), at_most=0.6),
)


def judge(results: Mapping[str, Found]) -> Iterator[tuple[Goal, float | None]]:
    """Give each goal with what was measured; None where no committed run shows it."""
    for goal in GOALS:
        try:
            yield goal, goal.figure(results[goal.benchmark])
        except KeyError:
            yield goal, None
