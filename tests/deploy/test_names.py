"""All that deploy/ names of the service is there: settings, commands, paths, metrics, streams."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from brokers import SMALL, newest, running_server
from deploy.files import COMPOSE, DEPLOY, compose
from deploy.test_monitoring import measured

from inference.config import load_settings
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.settings import NatsSettings
from inference.jetstream_engine.topology import set_up, wanted
from server.app import build_service
from server.cli import make_parser
from server.settings import Settings
from server.worker_app import build_worker

FILES = sorted(
    path
    for path in DEPLOY.rglob("*")
    if path.is_file() and path.suffix not in {".json", ".lock"} and "__pycache__" not in path.parts
)
VARIABLE = re.compile(r"\bCUTWIRE_[A-Z_]+[A-Z]\b")
COMMAND = re.compile(r"\bcutwire ((?:serve|worker|engine|keys|models|check-config)\b[^`#&|()\n]*)")
PLACEHOLDER = re.compile(r"\{\{.*?\}\}|%i")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def named(pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    """Where something is named, and what."""
    found = ((path.relative_to(DEPLOY), pattern.findall(text_of(path))) for path in FILES)
    return [(str(where), what) for where, all_ in found for what in sorted(set(all_))]


def is_setting(variable: str) -> bool:
    struct: Any = Settings
    for part in variable.removeprefix("CUTWIRE_").lower().split("__"):
        fields = {one.name: one.type for one in msgspec.structs.fields(struct)}
        if part not in fields:
            return False
        struct = fields[part]
    return True


@pytest.mark.parametrize(("where", "variable"), named(VARIABLE))
def test_variable_is_a_setting_or_of_composes_own(where: str, variable: str) -> None:
    own = set(re.findall(r"\$\{(\w+)", text_of(COMPOSE / "compose.yaml")))
    assert is_setting(variable) or variable in own


def test_what_is_no_setting_would_be_found() -> None:
    assert is_setting("CUTWIRE_NATS__URLS")
    assert not is_setting("CUTWIRE_NATS__URL")


@pytest.mark.parametrize(("where", "command"), named(COMMAND))
def test_command_is_one_of_ours(where: str, command: str) -> None:
    make_parser().parse_args(PLACEHOLDER.sub("x", command).split())


@pytest.mark.parametrize("path", ["proxy/nginx.conf", "proxy/Caddyfile"])
def test_settings_that_a_proxy_wants_are_settings(path: str, tmp_path: Path) -> None:
    lines = [line.removeprefix("#").strip() for line in text_of(DEPLOY / path).splitlines()]
    begin = lines.index("In the settings of Cutwire:") + 1
    (tmp_path / "cutwire.toml").write_text("\n".join(lines[begin : lines.index("", begin)]))
    settings = load_settings(Settings, file=tmp_path / "cutwire.toml", environ={})
    assert settings.public_url
    assert settings.edge.trusted_proxies


def probed() -> Iterator[tuple[str, str]]:
    """The paths that somebody asks, and which program answers."""
    for path in FILES:
        for asked in re.findall(r"(/(?:health/\w+|metrics))\b", text_of(path)):
            yield str(path.relative_to(DEPLOY)), asked


@pytest.mark.parametrize(("where", "path"), sorted(set(probed())))
def test_path_that_is_asked_for_is_answered(where: str, path: str, tmp_path: Path) -> None:
    gateway = build_service(Settings(data_dir=tmp_path))
    settings = Settings(data_dir=tmp_path, shared_dir=str(tmp_path), engine_kind="nats")
    worker = build_worker(settings, ["default"])
    for service in (gateway, worker):
        assert path in paths_of(service.app)


def paths_of(app: Any) -> set[str]:
    """The paths of an application, whatever is wrapped round it."""
    while not hasattr(app, "routes"):
        app = next(
            value
            for value in (getattr(app, name, None) for name in ("app", "_app"))
            if value is not None
        )
    return {route.path for route in app.routes}


def test_ports_are_those_that_the_programs_listen_on() -> None:
    """In the container all listen on 8000, and nothing asks for another port of theirs."""
    for name, service in compose()["services"].items():
        if "build" in service and "--port" in service["command"]:
            assert service["command"][service["command"].index("--port") + 1] == "8000", name
    upstreams = re.findall(r"server (gateway-\d):(\d+);", text_of(COMPOSE / "nginx.conf"))
    assert upstreams == [("gateway-1", "8000"), ("gateway-2", "8000")]
    scraped = yaml.safe_load(text_of(COMPOSE / "prometheus.yml"))["scrape_configs"]
    assert {sd["port"] for job in scraped for sd in job["dns_sd_configs"]} == {8000}
    names = {name for job in scraped for sd in job["dns_sd_configs"] for name in sd["names"]}
    assert names <= set(compose()["services"])


def test_autoscaler_reads_what_is_measured() -> None:
    text = text_of(DEPLOY / "chart" / "templates" / "gateway.yaml")
    (name,) = re.findall(r"metric: \{name: (\w+)\}", text)
    assert name in measured()


def test_gateways_keep_their_addresses_when_they_are_made_anew() -> None:
    """The proxy looks names up once: a gateway that came back elsewhere would get nothing."""
    (pool,) = compose()["networks"]["inside"]["ipam"]["config"]
    given = [
        compose()["services"][name]["networks"]["inside"]["ipv4_address"]
        for name in ("gateway-1", "gateway-2")
    ]
    assert given == ["10.77.0.11", "10.77.0.12"]
    assert pool["ip_range"] == "10.77.0.128/25"  # all others


def test_containers_have_time_to_drain() -> None:
    edge = Settings().edge
    for service in compose()["services"].values():
        if "build" in service:
            grace_s = int(service["stop_grace_period"].removesuffix("s"))
            assert grace_s > edge.drain_timeout_s + edge.shutdown_timeout_s


def test_broker_tells_the_backlog_where_the_autoscaler_looks(tmp_path: Path) -> None:
    text = text_of(DEPLOY / "chart" / "templates" / "worker.yaml")
    assert "%s/jsz?acc=%s&streams=true" in text
    assert 'account_details.0.stream_detail.#(name==\\"TASKS_%s\\").state.messages' in text
    with running_server(tmp_path, newest()) as server:
        asyncio.run(_set_up(NatsSettings(urls=(server.url,), **SMALL)))
        told = server.asked("jsz?acc=$G&streams=true")
    streams = {one["name"]: one for one in told["account_details"][0]["stream_detail"]}
    assert streams["TASKS_default"]["state"]["messages"] == 0


async def _set_up(settings: NatsSettings) -> None:
    async with Broker(settings, "test").opened() as broker:
        async for _ in set_up(broker, wanted(settings, 3600)):
            pass
