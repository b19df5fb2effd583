"""Rules and dashboard name only what the service measures; promtool takes them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.files import DEPLOY, compose, dashboard, panels
from tools import debian

from server.metrics import Metrics

FOLDER = DEPLOY / "monitoring"
RULES = FOLDER / "rules" / "cutwire.rules.yml"
TESTS = FOLDER / "rules" / "cutwire_test.yml"
ENDINGS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
NAME = re.compile(r"\b(?:cutwire|process)_[a-z_]+\b")
RECORDED = re.compile(r"\b[a-z_]+:cutwire[a-z_]*:[a-z0-9_]+\b")
SECTIONS = {
    "Traffic", "Latency and stages", "Models and batches", "Queues", "Sessions and bytes",
    "Cost, ledger and deliveries", "Refusals", "Process",
}  # fmt: skip


def measured() -> set[str]:
    """The name of every series that /metrics can have."""
    types = re.findall(r"^# TYPE (\S+) (\S+)$", Metrics().text().decode(), re.MULTILINE)
    return {name + ending for name, kind in types for ending in ENDINGS[kind]}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def promtool(*arguments: str, folder: Path) -> str:
    tool = debian.find("promtool")
    if tool is None:
        pytest.skip("no promtool here: `make monitoring` unpacks it where it can be had")
    ran = subprocess.run(
        [tool, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("expression", [rule["expr"] for rule in rules()])
def test_rule_reads_what_is_measured_or_recorded(expression: str) -> None:
    recorded = {rule.get("record") for rule in rules()}
    assert set(RECORDED.findall(expression)) <= recorded
    assert set(NAME.findall(RECORDED.sub("", expression))) <= measured()


@pytest.mark.parametrize("expression", sorted(set(panels().values())))
def test_panel_reads_what_is_measured(expression: str) -> None:
    assert set(NAME.findall(expression)) <= measured()


def test_all_that_is_measured_is_shown() -> None:
    text = " ".join(panels().values())
    own = {re.sub(r"_(bucket|sum|count)$", "", name) for name in measured() if "cutwire" in name}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in NAME.findall(text)}
    assert own - shown == set()


def test_metrics_are_named_as_prometheus_wants_them() -> None:
    text = Metrics().text().decode()
    for name, kind in re.findall(r"^# TYPE (cutwire_\S+) (\S+)$", text, re.MULTILINE):
        assert (kind == "counter") == name.endswith("_total"), name
        if kind == "histogram":
            assert name.endswith("_seconds") or name == "cutwire_batch_size", name


@pytest.mark.parametrize(
    "rule", [rule for rule in rules() if "alert" in rule], ids=lambda r: r["alert"]
)
def test_alert_says_how_bad_and_what_and_is_tested(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    tested = [
        bool(case["exp_alerts"])
        for test in yaml.safe_load(TESTS.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == rule["alert"]
    ]
    assert True in tested


def test_promtool_takes_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(RULES), folder=FOLDER)


def test_alerts_fire_when_they_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", TESTS.name, folder=TESTS.parent)


def test_promtool_takes_every_query_of_the_dashboard(tmp_path: Path) -> None:
    written = [
        {"record": f"panel:number_{number}", "expr": each}
        for number, each in enumerate(panels().values())
    ]
    document = {"groups": [{"name": "panels", "rules": written}]}
    (tmp_path / "panels.yml").write_text(yaml.safe_dump(document))
    promtool("check", "rules", "panels.yml", folder=tmp_path)


def test_dashboard_has_a_section_for_each_question() -> None:
    assert {panel["title"] for panel in dashboard()["panels"] if panel["type"] == "row"} == SECTIONS


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])


def test_every_panel_asks_the_chosen_data_source() -> None:
    (variable,) = (
        each for each in dashboard()["templating"]["list"] if each["type"] == "datasource"
    )
    for panel in dashboard()["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == f"${{{variable['name']}}}", panel["title"]


def test_grafana_finds_the_dashboard_and_prometheus() -> None:
    provisioning = FOLDER / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "cutwire.yml").read_text())[
        "providers"
    ]
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    services = compose()["services"]
    mounts = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    assert mounts["../monitoring/grafana/dashboards"] == provider["options"]["path"]
    assert mounts["../monitoring/grafana/provisioning"] == "/etc/grafana/provisioning"
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in services
