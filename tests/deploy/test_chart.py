"""The Helm chart, rendered: Kubernetes' schemas, our settings, our commands."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from deploy.files import DEPLOY, ROOT
from tools import debian

from inference.config import load_settings
from inference.jetstream_engine import names
from inference.stores import StoreSettings, open_store
from server.app import build_service
from server.cli import make_parser
from server.health import Health
from server.parts import Parts
from server.settings import Settings

CHART = DEPLOY / "chart"
FULL = Path(__file__).with_name("full.values.yaml")
PODS = ("Deployment", "StatefulSet", "Job")
OTHERS = ("ServiceMonitor", "ScaledObject")
"""Of the Prometheus operator and of KEDA: no schema of theirs is in a registry."""
KUBERNETES = ("1.27", "1.34")


@pytest.fixture(scope="module", params=["default", "full"])
def manifests(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """What the chart makes of its own values, and of all that it can do."""
    tool = debian.find("helm-render")
    if tool is None:
        pytest.skip("no renderer here: `make deploy` builds it where Debian's Go can be had")
    more = [str(FULL)] if request.param == "full" else []
    ran = subprocess.run(
        [tool, str(CHART), *more], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return [each for each in yaml.safe_load_all(ran.stdout) if each]


def values(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def pods(manifests: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in manifests:
        if each["kind"] in PODS:
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def settings_of(manifests: list[dict[str, Any]], folder: Path) -> Settings:
    (config,) = (each for each in manifests if each["kind"] == "ConfigMap")
    (folder / "cutwire.toml").write_text(config["data"]["cutwire.toml"])
    return load_settings(Settings, file=folder / "cutwire.toml", environ={})


def test_chart_has_the_version_of_the_service() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = values(CHART / "Chart.yaml")
    assert (chart["version"], chart["appVersion"]) == (version, version)


@pytest.mark.parametrize("path", [CHART / "values.yaml", FULL], ids=["default", "full"])
def test_values_fit_their_schema(path: Path) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    del schema["required"]  # of the values and what is laid over them
    jsonschema.Draft7Validator(schema).validate(values(path))


@pytest.mark.parametrize(
    "wrong",
    [
        {"pools": {"Seg_1": {}}},
        {"pools": {"seg": {"gpus": 1}}},
        {"nats": {"urls": [], "existingSecret": "x"}},
        {"publicUrl": "images.example.org"},
    ],
)
def test_schema_refuses_what_cannot_work(wrong: dict[str, Any]) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    given = values(CHART / "values.yaml") | wrong
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(given)


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_every_manifest(manifests: list[dict[str, Any]], version: str) -> None:
    validator = pytest.importorskip(
        "kubernetes_validate", reason="`make deploy` installs kubernetes-validate"
    )
    for manifest in manifests:
        if manifest["kind"] not in OTHERS:
            validator.validate(manifest, version, strict=True)


def test_names_are_used_once(manifests: list[dict[str, Any]]) -> None:
    found = [(each["kind"], each["metadata"]["name"]) for each in manifests]
    assert len(set(found)) == len(found)


def test_settings_are_settings(manifests: list[dict[str, Any]], tmp_path: Path) -> None:
    settings = settings_of(manifests, tmp_path)
    assert settings.engine_kind == "nats"
    assert settings.nats.replicas == 3
    assert settings.store.kind == "s3"
    assert settings.shared_dir == "/shared"


def test_environment_holds_settings(manifests: list[dict[str, Any]]) -> None:
    for _, pod in pods(manifests):
        (container,) = pod["containers"]
        environ = {each["name"]: each.get("value", "true") for each in container["env"]}
        assert all(name.startswith("CUTWIRE_") for name in environ)
        load_settings(Settings, file=None, environ=environ)


def test_commands_are_ours(manifests: list[dict[str, Any]]) -> None:
    for _, pod in pods(manifests):
        make_parser().parse_args(pod["containers"][0]["args"])


def test_pods_may_do_little(manifests: list[dict[str, Any]]) -> None:
    for name, pod in pods(manifests):
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert {"/tmp", "/data"} <= {each["mountPath"] for each in container["volumeMounts"]}, name


def test_pods_have_time_to_drain(manifests: list[dict[str, Any]], tmp_path: Path) -> None:
    edge = settings_of(manifests, tmp_path).edge
    for name, pod in pods(manifests):
        if not name.startswith("cutwire-engine-setup"):
            wanted = edge.drain_timeout_s + edge.shutdown_timeout_s + 5  # and the sleep before
            assert pod["terminationGracePeriodSeconds"] > wanted, name


def test_one_pod_keeps_the_ledger(manifests: list[dict[str, Any]]) -> None:
    keepers = []
    for name, pod in pods(manifests):
        (container,) = pod["containers"]
        environ = {each["name"]: each.get("value") for each in container["env"]}
        if "serve" in container["args"] and environ.get("CUTWIRE_NATS__KEEPS_LEDGER") != "false":
            keepers.append(name)
    assert keepers == ["cutwire-ledger"]


def test_every_pool_that_tasks_go_to_has_workers(
    manifests: list[dict[str, Any]], tmp_path: Path
) -> None:
    settings = settings_of(manifests, tmp_path)
    workers = {name.removeprefix("cutwire-worker-") for name, _ in pods(manifests)}
    assert set(settings.nats.all_pools) <= workers


def test_pool_with_a_gpu_asks_for_it(manifests: list[dict[str, Any]]) -> None:
    for name, pod in pods(manifests):
        limits = pod["containers"][0]["resources"]["limits"]
        assert ("nvidia.com/gpu" in limits) == (name == "cutwire-worker-seg"), name


def test_pool_scales_on_its_own_stream(manifests: list[dict[str, Any]]) -> None:
    for scaled in (each for each in manifests if each["kind"] == "ScaledObject"):
        pool = scaled["spec"]["scaleTargetRef"]["name"].removeprefix("cutwire-worker-")
        (trigger,) = scaled["spec"]["triggers"]
        where = trigger["metadata"]["valueLocation"]
        assert where == (
            f'account_details.0.stream_detail.#(name=="{names.tasks_stream(pool)}").state.messages'
        )
        replicas = [
            each["spec"].get("replicas")
            for each in manifests
            if each["metadata"]["name"] == f"cutwire-worker-{pool}" and each["kind"] == "Deployment"
        ]
        assert replicas == [None]  # else every upgrade would undo the scaling


def test_ingress_lets_clients_reach_all_and_metrics_nobody(tmp_path: Path) -> None:
    given = values(CHART / "values.yaml")["ingress"]["paths"]
    parts, store = Parts(), open_store(StoreSettings(), tmp_path)
    table = [
        *build_service(Settings(data_dir=tmp_path)).routes.table(),
        *Health(store, parts, lambda: True).table(),
    ]
    paths = {re.sub(r"\{.*", "", str(getattr(route, "path", ""))) for route in table}
    outside = {path for path in paths if any(f"{path}/".startswith(f"{each}/") for each in given)}
    assert paths - outside == {"/metrics", "/health/live", "/health/ready"}
