"""The files of deploy/, and how the service reads them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose"
DASHBOARD = DEPLOY / "monitoring" / "grafana" / "dashboards" / "cutwire.json"
CHOSEN = {"$__rate_interval": "5m", "$job": ".*", "$instance": ".*"}
"""What Grafana puts into a query."""
VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")


def compose() -> dict[str, Any]:
    return yaml.safe_load((COMPOSE / "compose.yaml").read_text())


def dotenv() -> dict[str, str]:
    lines = (COMPOSE / "example.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled(text: str) -> str:
    """Put the variables of example.env into a value of compose.yaml."""
    known = dotenv()
    return VARIABLE.sub(lambda found: known.get(found[1], found[2] or ""), text)


def dashboard() -> dict[str, Any]:
    return json.loads(DASHBOARD.read_text())


def panels() -> dict[str, str]:
    """Every query of the dashboard, as Prometheus is asked; by its panel's title and its place."""
    return {
        f"{panel['title']} {target['refId']}": re.sub(
            r"\$\w+", lambda found: CHOSEN[found[0]], target["expr"]
        )
        for panel in dashboard()["panels"]
        for target in panel.get("targets", ())
    }
