"""The running service does what its OpenAPI document says: schemathesis asks in many ways."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import httpx
from integration.conftest import StartService
from integration.service import KEY, Service
from integration.test_moderation import settings_of
from openapi_spec_validator import validate

SCHEMATHESIS = Path(sysconfig.get_path("scripts")) / "schemathesis"
NOT_CHECKED = "positive_data_acceptance"
"""No schema can say which strings are pictures."""


async def test_served_document_is_valid_and_names_its_server(
    service: Service, http: httpx.AsyncClient
) -> None:
    document = (await http.get(f"{service.url}/openapi.json")).json()
    validate(document)
    assert document["servers"] == [{"url": service.url}]


async def test_asyncapi_document_names_its_server(
    service: Service, http: httpx.AsyncClient
) -> None:
    document = (await http.get(f"{service.url}/asyncapi.json")).json()
    assert document["servers"]["here"]["host"] == service.url.removeprefix("http://")


def test_no_answer_departs_from_the_document(start_service: StartService, tmp_path: Path) -> None:
    service = start_service(settings=settings_of(tmp_path))  # else moderation is a documented 501
    command = [str(SCHEMATHESIS), "run", f"{service.url}/openapi.json", "--no-color"]
    command += ["--header", f"Authorization: Bearer {KEY}", "--header", f"api_token: {KEY}"]
    command += ["--phases", "coverage,fuzzing", "--max-examples", "4", "--seed", "1"]
    command += ["--exclude-checks", NOT_CHECKED, "--request-timeout", "60", "--continue-on-failure"]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
