"""The official JavaScript SDK (npm `@runware/sdk-js`), unmodified, against the service."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from integration.pictures import opened, scene_uri
from integration.service import KEY, Service

PROGRAM = Path(__file__).with_name("js_client.mjs")
PATIENCE_S = 240
SIZE = (91, 67)


@pytest.fixture(scope="module")
def told(service: Service, packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the SDK saw."""
    picture = tmp_path_factory.mktemp("js") / "picture"
    picture.write_text(scene_uri(*SIZE))
    ran = subprocess.run(
        ["node", str(PROGRAM), str(packages), service.ws_url, KEY, str(picture)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_logs_in(told: dict[str, Any]) -> None:
    assert told["session"]


def test_wrong_key_is_rejected_by_its_code(told: dict[str, Any]) -> None:
    assert told["wrongKey"]["code"] == "invalidApiKey"


def test_upload_has_uuid_and_url(told: dict[str, Any]) -> None:
    assert told["upload"]["imageUUID"]
    assert _size(told["upload"]) == SIZE


@pytest.mark.parametrize("form", ["uploadAsInput", "nested", "async", "afterADrop"])
def test_cuts_out(told: dict[str, Any], form: str) -> None:
    assert told[form]["taskType"] == "removeBackground"
    assert _size(told[form]) == SIZE


def test_settings_arrive(told: dict[str, Any]) -> None:
    assert _picture(told["settings"]).mode == "L"


def test_cost_arrives(told: dict[str, Any]) -> None:
    assert told["cost"] == 0.000602


def test_eight_at_once_are_matched_by_uuid(told: dict[str, Any]) -> None:
    assert told["eight"] == [True] * 8


def test_errors_at_once_keep_their_own_parameter(told: dict[str, Any]) -> None:
    assert told["firstError"]["parameter"] == "outputFormat"
    assert told["secondError"]["parameter"] == "outputQuality"


def test_task_uuid_sent_again_is_a_conflict(told: dict[str, Any]) -> None:
    assert told["conflict"]["code"] == "conflictTaskUUID"


def _picture(result: dict[str, Any]) -> Any:
    with httpx.Client(trust_env=False, timeout=30) as http:
        return opened(http.get(result["imageURL"]).content)


def _size(result: dict[str, Any]) -> tuple[int, int]:
    width, height = _picture(result).size
    return width, height
