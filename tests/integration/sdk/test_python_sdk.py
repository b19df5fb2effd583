"""The official Python SDK (PyPI `runware`), unmodified, against the service."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import Balancer, running_cluster
from integration.pictures import encoded, scene
from integration.service import KEY, ROOT

PROGRAM = Path(__file__).with_name("python_client.py")
PATIENCE_S = 240
SIZE = (91, 67)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("runware") is None, reason="the package runware is not installed"
)


@pytest.fixture(scope="module", params=["one process", "two gateways and two workers"])
def ws_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where the service is: one process, or many behind a proxy that takes one after another."""
    if request.param == "one process":
        yield request.getfixturevalue("service").ws_url
        return
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        balancer = Balancer(cluster.gateways)
        yield balancer.ws_url
        balancer.stop()
        assert cluster.defects() == []


@pytest.fixture(scope="module")
def told(ws_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the SDK saw."""
    picture = tmp_path_factory.mktemp("python") / "picture.png"
    picture.write_bytes(encoded(scene(*SIZE)))
    ran = subprocess.run(
        [sys.executable, str(PROGRAM), ws_url, KEY, str(picture)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    saw: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return saw


def test_logs_in(told: dict[str, Any]) -> None:
    assert told["is_authenticated"]


def test_wrong_key_does_not_log_in(told: dict[str, Any]) -> None:
    assert told["wrong key"] is False


def test_uploads_a_file(told: dict[str, Any]) -> None:
    assert told["upload"]["size"] == [*SIZE]


@pytest.mark.parametrize("form", ["path", "upload as input"])
def test_cuts_out_a_file(told: dict[str, Any], form: str) -> None:
    assert told[form] == {"format": "PNG", "size": [*SIZE], "mode": "RGBA"}


def test_settings_arrive(told: dict[str, Any]) -> None:
    assert told["settings"]["mode"] == "L"


def test_cost_arrives(told: dict[str, Any]) -> None:
    assert told["cost"] == 0.000602


def test_eight_at_once_get_their_own_pictures(told: dict[str, Any]) -> None:
    assert told["eight"] == [[90 + 10 * number, 60 + 5 * number] for number in range(8)]


def test_error_names_the_parameter(told: dict[str, Any]) -> None:
    error = told["error"]
    assert (error["code"], error["parameter"]) == ("invalidOutputQuality", "outputQuality")


def test_task_uuid_sent_again_is_a_conflict(told: dict[str, Any]) -> None:
    assert told["conflict"]["code"] == "conflictTaskUUID"


def test_result_can_be_asked_for_again(told: dict[str, Any]) -> None:
    assert told["polled"]


def test_result_survives_a_drop(told: dict[str, Any]) -> None:
    assert told["after a drop"]["size"] == [700, 500]
