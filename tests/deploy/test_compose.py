"""compose.yaml: its schema, its settings, its commands, and the files that it mounts."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest
from brokers import binary
from deploy.files import COMPOSE, compose, dotenv, filled
from tools import debian

from inference.config import load_settings
from server.cli import make_parser
from server.settings import Settings

SERVICES = compose()["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
SCHEMA = "usr/lib/python3/dist-packages/compose/config/compose_spec.json"


def test_file_fits_the_schema_of_compose() -> None:
    schema = next(debian.FOLDER.glob(f"*/{SCHEMA}"), None)
    if schema is None:
        pytest.skip("no docker-compose here: `make deploy` unpacks it where it can be had")
    document = compose()
    del document["name"]  # younger than this schema
    jsonschema.Draft7Validator(json.loads(schema.read_text())).validate(document)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name: str) -> None:
    environ = {key: filled(value) for key, value in SERVICES[name]["environment"].items()}
    settings = load_settings(Settings, file=None, environ=environ)
    assert settings.engine_kind == "nats"
    assert settings.nats.urls == ("nats://nats:4222",)
    assert settings.nats.password.reveal() == dotenv()["NATS_PASSWORD"]
    assert settings.store.bucket == "cutwire"


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_ours(name: str) -> None:
    make_parser().parse_args(SERVICES[name]["command"])


def test_one_gateway_keeps_the_ledger() -> None:
    gateways = [SERVICES[name]["environment"] for name in OURS if name.startswith("gateway")]
    keepers = [each for each in gateways if each.get("CUTWIRE_NATS__KEEPS_LEDGER") != "false"]
    assert (len(gateways), len(keepers)) == (2, 1)


@pytest.mark.parametrize("name", OURS)
def test_container_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(OURS)))
def test_foreign_image_has_a_version(name: str) -> None:
    tag = SERVICES[name]["image"].rpartition(":")[2]
    assert any(char.isdigit() for char in tag)


def test_mounted_files_and_volumes_exist() -> None:
    named = set(compose()["volumes"])
    sources = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
    }
    assert {each for each in sources if not each.startswith(".")} == named
    assert [
        each for each in sources if each.startswith(".") and not (COMPOSE / each).exists()
    ] == []


def test_what_must_be_healthy_has_a_check() -> None:
    for service in SERVICES.values():
        for name, wanted in service.get("depends_on", {}).items():
            needed = SERVICES[name]
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in needed or "build" in needed  # the image has one


def test_every_secret_of_the_file_is_in_the_example() -> None:
    text = (COMPOSE / "compose.yaml").read_text()
    assert {name for name in dotenv() if name not in text} == set()


def test_nats_server_takes_its_file(tmp_path: Path) -> None:
    text = (COMPOSE / "nats.conf").read_text().replace("/data", str(tmp_path))
    (tmp_path / "nats.conf").write_text(text)
    ran = subprocess.run(
        [binary("2.10"), "-t", "-c", str(tmp_path / "nats.conf")],
        env=os.environ | dotenv(),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_prometheus_takes_its_file(tmp_path: Path) -> None:
    promtool = debian.find("promtool")
    if promtool is None:
        pytest.skip("no promtool here: `make monitoring` unpacks it where it can be had")
    text = (COMPOSE / "prometheus.yml").read_text()
    rules = COMPOSE.parent / "monitoring" / "rules"
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus/rules", str(rules)))
    ran = subprocess.run(
        [promtool, "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "rules found" in ran.stdout
