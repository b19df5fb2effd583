"""The pages say what the committed figures give."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.goals import GOALS, judge
from benchmarks.load import summarise_times

PEERS = {
    name: {"cpu_s_per_picture": cpu_s, "per_s": 2.0, "p95_over_p50": 1.1, "rss_mb": 600}
    for name, cpu_s in (("cutwire", 0.2), ("rembg", 0.3), ("litserve", 0.4))
}


def verdicts(results: dict[str, dict[str, object]]) -> dict[str, float | None]:
    return {goal.what: found for goal, found in judge(results)}


def test_readme_section_is_what_the_figures_give() -> None:
    text = report.README.read_text(encoding="utf-8")
    section = report.render_section(report.read_results())
    assert report.put_section(text, section) == text, "run `python -m benchmarks report`"


def test_page_is_what_the_figures_give() -> None:
    page = report.render_page(report.read_results())
    assert report.PAGE.read_text(encoding="utf-8") == page, "run `python -m benchmarks report`"


def test_missed_goal_is_listed_with_its_figure() -> None:
    section = report.render_section({"stages": {"1mp": {"ours_ms": 31.5}}})
    assert "all but the network, 1 MP, CPU ms: 31.5, goal ≤ 25" in section


def test_met_goal_is_counted_and_not_listed() -> None:
    section = report.render_section({"stages": {"1mp": {"ours_ms": 24.5}}})
    assert f"Of {len(GOALS)} goals 1 are measured and 1 met" in section
    assert "Not met" not in section


def test_ratio_is_the_peers_cpu_time_over_ours() -> None:
    found = verdicts({"peers": PEERS})
    assert found["rembg's CPU time a picture over ours"] == pytest.approx(1.5)


def test_peer_that_was_left_out_is_not_measured() -> None:
    assert verdicts({"peers": PEERS})["… mosec"] is None


def test_section_goes_between_its_marks_and_nowhere_else() -> None:
    text = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.put_section(text, "new") == f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n"


def test_readme_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="performance:begin"):
        report.put_section("nothing", "new")


def test_results_are_read_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "peers.json").write_text(json.dumps({"rounds": 3}))
    assert report.read_results(tmp_path) == {"peers": {"rounds": 3}}


def test_rate_leaves_the_first_and_the_last_wave_out() -> None:
    # Two clients: a slow first wave, four steady seconds, a slow last wave.
    taken = [(0, 0, 9), (1, 0, 9), (2, 9, 11), (3, 9, 11), (4, 11, 13), (5, 11, 13), (6, 13, 30)]
    taken.append((7, 13, 30))
    found = summarise_times([(n, float(begun), float(ended)) for n, begun, ended in taken], 2)
    assert found["per_s"] == 1.0
    assert found["p50_ms"] == 2000.0
