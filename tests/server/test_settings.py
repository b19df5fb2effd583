"""Settings of the service: what cannot work is refused at the start, by name."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from inspect import getsource, isclass
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec import Struct, inspect
from msgspec.structs import fields

from inference.config import SettingsError, load_settings
from server.settings import Settings


def kinds_in(kind: type[Struct], above: str = "") -> Iterator[tuple[str, inspect.Type]]:
    for field in fields(kind):
        type_ = inspect.type_info(field.type)
        if isinstance(type_, inspect.StructType):
            yield from kinds_in(type_.cls, f"{above}{field.name}.")
        else:
            yield f"{above}{field.name}", type_


KINDS = dict(kinds_in(Settings))
NUMBERS = {
    name: kind
    for name, kind in KINDS.items()
    if isinstance(kind, inspect.IntType | inspect.FloatType)
}
PRICES = [name for name, kind in KINDS.items() if isinstance(kind, inspect.DecimalType)]


def load(tmp_path: Path, line: str) -> Settings:
    file = tmp_path / "cutwire.toml"
    file.write_text(line)
    return load_settings(Settings, file=file, environ={})


def described(kind: type[Struct]) -> set[str]:
    """The fields of a struct behind which a text stands."""
    (node,) = ast.parse(textwrap.dedent(getsource(kind))).body
    assert isinstance(node, ast.ClassDef)
    return {
        field.target.id
        for field, text in pairwise(node.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


def test_every_setting_is_described_where_it_is_declared() -> None:
    kinds = [Settings, *(field.type for field in fields(Settings))]
    missing = {
        f"{kind.__name__}.{field.name}"
        for kind in kinds
        if is_section(kind)
        for field in fields(kind)
        if field.name not in described(kind) and not is_section(field.type)
    }
    assert missing == set()


def is_section(kind: object) -> bool:
    return isclass(kind) and issubclass(kind, Struct)


def test_numbers_are_found() -> None:
    assert {"limits.max_tasks", "edge.linger_s", "work.switch_interval_ms"} <= NUMBERS.keys()
    assert "prices.default_base" in PRICES


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_ends_on_both_sides(name: str) -> None:
    kind = NUMBERS[name]
    low = kind.ge if kind.ge is not None else kind.gt
    assert low is not None
    assert low >= 0
    assert (kind.le if kind.le is not None else kind.lt) is not None


@pytest.mark.parametrize("name", ["limits.idle_s", "edge.drain_timeout_s", "nats.connect_s"])
@pytest.mark.parametrize("value", ["-1", "inf", "nan", "1e300"])
def test_time_that_never_comes_is_refused_by_name(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=name):
        load(tmp_path, f"{name} = {value}")


@pytest.mark.parametrize("name", PRICES)
@pytest.mark.parametrize("value", ["-0.01", "Infinity", "NaN"])
def test_price_that_is_no_price_is_refused_by_name(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=name.rpartition(".")[2]):
        load(tmp_path, f'{name} = "{value}"')


@pytest.mark.parametrize(
    "name",
    [
        "limits.max_tasks",
        "limits.in_flight_per_socket",
        "limits.task_s",
        "limits.max_body_bytes",
        "lives.sweep_every_s",
        "edge.max_message_bytes",
        "edge.max_http_connections",
        "edge.header_timeout_s",
        "pictures.limit_pixels",
        "batching.queue_limit",
    ],
)
def test_none_where_there_must_be_some_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=name):
        load(tmp_path, f"{name} = 0")


@pytest.mark.parametrize(
    "url",
    ["cut.example", "ftp://cut.example", "https://", "https://cut.example/?a=b", "http://a@b/"],
)
def test_public_url_that_no_reply_can_begin_with_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="public_url"):
        load(tmp_path, f'public_url = "{url}"')


@pytest.mark.parametrize("url", ["https://cut.example", "http://[::1]:8000/", "https://a/b"])
def test_public_url_may_have_a_port_and_a_path(url: str, tmp_path: Path) -> None:
    assert load(tmp_path, f'public_url = "{url}"').public_url == url


@pytest.mark.parametrize("proxy", ["proxy.internal", "10.0.0.1/8", "10.0.0.0/33", ""])
def test_proxy_that_would_never_be_trusted_is_refused(proxy: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="trusted_proxies"):
        load(tmp_path, f'edge.trusted_proxies = ["127.0.0.1", "{proxy}"]')


@pytest.mark.parametrize("proxies", ['["10.0.0.0/8", "::1"]', '["*"]'])
def test_proxies_are_addresses_networks_or_any(proxies: str, tmp_path: Path) -> None:
    assert load(tmp_path, f"edge.trusted_proxies = {proxies}").edge.trusted_proxies


@pytest.mark.parametrize("origin", ["https://shop.example/", "shop.example", "*"])
def test_origin_that_no_browser_sends_is_refused(origin: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="allowed_origins"):
        load(tmp_path, f'edge.allowed_origins = ["{origin}"]')


@pytest.mark.parametrize("origin", ["https://shop.example", "http://localhost:3000"])
def test_origin_as_browsers_send_it_is_taken(origin: str, tmp_path: Path) -> None:
    assert load(tmp_path, f'edge.allowed_origins = ["{origin}"]').edge.allowed_origins == (origin,)


def test_list_that_is_wrong_says_what_each_of_it_may_be(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'bogus'.*each one of auto, cpu, cuda, tensorrt"):
        load(tmp_path, 'sessions.providers = ["bogus"]')


def test_price_of_an_unknown_task_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"removeBackgruond.*allowed: .*removeBackground"):
        load(tmp_path, 'prices.base = {removeBackgruond = "1"}')


def test_negative_price_of_a_task_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"base\.imageErase is -1"):
        load(tmp_path, 'prices.base = {imageErase = "-1"}')
