"""Settings: the order of the sources, types, and what is said when one is wrong."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from inference.config import Secret, SettingsError, load_settings


class Batching(Struct, frozen=True, kw_only=True):
    max_size: Annotated[int, Meta(ge=1, le=64)] = 8
    max_wait_ms: float = 0.0

    def __post_init__(self) -> None:
        if self.max_wait_ms > 1000:
            raise ValueError("max_wait_ms is above 1000")


class Tls(Struct, frozen=True, kw_only=True):
    certificate: Path


class Model(Struct, frozen=True, kw_only=True):
    name: str
    side: int = 320


class Settings(Struct, frozen=True, kw_only=True):
    batching: Batching = Batching()
    small: Batching = Batching(max_size=2)
    tls: Tls | None = None
    kind: Literal["local", "s3"] = "local"
    is_public: bool = False
    base: Decimal = Decimal("0.0006")
    prices: dict[str, Decimal] = {}
    origins: list[str] = []
    models: list[Model] = []
    key: Secret = Secret("")
    folder: Path = Path("/var/lib/cutwire")


class Needs(Struct, frozen=True, kw_only=True):
    inner: Tls


def load(
    tmp_path: Path, toml: str = "", overrides: dict[str, Any] | None = None, **environ: str
) -> Settings:
    file = tmp_path / "cutwire.toml"
    file.write_text(toml)
    return load_settings(Settings, file=file, environ=environ, overrides=overrides or {})


def refused(tmp_path: Path, *parts: str, **sources: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **sources)
    for part in parts:
        assert part in str(caught.value)


def test_without_sources_the_defaults_hold() -> None:
    assert load_settings(Settings, file=None, environ={}) == Settings()


def test_the_file_overrides_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "[batching]\nmax_size = 3").batching.max_size == 3


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, "[batching]\nmax_size = 3", CUTWIRE_BATCHING__MAX_SIZE="4")
    assert settings.batching.max_size == 4


def test_the_command_line_overrides_the_environment(tmp_path: Path) -> None:
    given = {"batching": {"max_size": 5}}
    assert load(tmp_path, overrides=given, CUTWIRE_BATCHING__MAX_SIZE="4").batching.max_size == 5


def test_texts_on_the_command_line_are_read_by_the_fields_type(tmp_path: Path) -> None:
    assert load(tmp_path, overrides={"batching": {"max_size": "5"}}).batching.max_size == 5


def test_one_value_of_a_section_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    settings = load(tmp_path, "[batching]\nmax_size = 3", CUTWIRE_BATCHING__MAX_WAIT_MS="1.5")
    assert settings.batching == Batching(max_size=3, max_wait_ms=1.5)


def test_a_sections_own_default_is_the_ground_for_its_values(tmp_path: Path) -> None:
    assert load(tmp_path, "[small]\nmax_wait_ms = 2").small == Batching(max_size=2, max_wait_ms=2)


def test_variables_without_our_prefix_are_not_read(tmp_path: Path) -> None:
    assert load(tmp_path, PATH="/bin", KIND="s3") == Settings()


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("CUTWIRE_KIND", "s3", "kind", "s3"),
        ("CUTWIRE_IS_PUBLIC", "true", "is_public", True),
        ("CUTWIRE_IS_PUBLIC", "0", "is_public", False),
        ("CUTWIRE_BASE", "0.1", "base", Decimal("0.1")),
        ("CUTWIRE_PRICES", '{"crop": "0.2"}', "prices", {"crop": Decimal("0.2")}),
        ("CUTWIRE_ORIGINS", '["https://a"]', "origins", ["https://a"]),
        ("CUTWIRE_MODELS", '[{"name": "m"}]', "models", [Model(name="m")]),
        ("CUTWIRE_KEY", "s3cret", "key", Secret("s3cret")),
        ("CUTWIRE_FOLDER", "/data", "folder", Path("/data")),
    ],
)
def test_a_variables_text_becomes_the_fields_type(
    tmp_path: Path, name: str, text: str, field: str, value: object
) -> None:
    assert getattr(load(tmp_path, **{name: text}), field) == value


def test_a_toml_number_becomes_the_decimal_that_was_written(tmp_path: Path) -> None:
    assert load(tmp_path, "base = 0.1").base == Decimal("0.1")


def test_an_optional_section_appears_when_a_value_of_it_is_given(tmp_path: Path) -> None:
    assert load(tmp_path, CUTWIRE_TLS__CERTIFICATE="/c.pem").tls == Tls(certificate=Path("/c.pem"))


def test_a_table_of_values_is_replaced_whole(tmp_path: Path) -> None:
    settings = load(tmp_path, "[prices]\na = 1\nb = 2", CUTWIRE_PRICES='{"c": 3}')
    assert settings.prices == {"c": Decimal(3)}


def test_an_unknown_key_in_the_file_is_named_with_the_close_one(tmp_path: Path) -> None:
    parts = ("'batching.max_sizes'", "file", "did you mean batching.max_size", "max_wait_ms")
    refused(tmp_path, *parts, toml="[batching]\nmax_sizes = 3")


def test_an_unknown_section_is_an_error(tmp_path: Path) -> None:
    refused(tmp_path, "'batchin'", "allowed here: base, batching", toml="[batchin]\nmax_size = 3")


def test_an_unknown_variable_is_named(tmp_path: Path) -> None:
    parts = ("environment variable CUTWIRE_BATCHING_MAX_SIZE", "did you mean batching.max_size")
    refused(tmp_path, *parts, CUTWIRE_BATCHING_MAX_SIZE="4")


def test_an_unknown_override_is_named(tmp_path: Path) -> None:
    refused(tmp_path, "'knd'", "command line", "did you mean kind", overrides={"knd": "s3"})


def test_an_unknown_key_inside_a_list_is_named(tmp_path: Path) -> None:
    parts = ("'models.1.sid'", "allowed here: name, side")
    refused(tmp_path, *parts, toml='models = [{name = "a"}, {name = "b", sid = 3}]')


def test_a_key_below_a_value_is_an_error(tmp_path: Path) -> None:
    refused(tmp_path, "kind.x", "holds no keys", CUTWIRE_KIND__X="1")


def test_a_value_for_a_section_is_an_error(tmp_path: Path) -> None:
    refused(tmp_path, "batching", "is a section", CUTWIRE_BATCHING="4")


def test_a_wrong_type_in_the_file_names_key_file_and_what_is_allowed(tmp_path: Path) -> None:
    parts = ("batching.max_size", "cutwire.toml", "allowed: an integer, at least 1 and at most 64")
    refused(tmp_path, *parts, toml='[batching]\nmax_size = "many"')


def test_a_text_in_the_file_is_no_number(tmp_path: Path) -> None:
    refused(tmp_path, "Expected `int`, got `str`", toml='[batching]\nmax_size = "3"')


def test_a_wrong_variable_names_itself_and_what_is_allowed(tmp_path: Path) -> None:
    parts = ("is_public", "environment variable CUTWIRE_IS_PUBLIC", "allowed: true or false")
    refused(tmp_path, *parts, CUTWIRE_IS_PUBLIC="maybe")


def test_a_number_out_of_range_names_the_range(tmp_path: Path) -> None:
    refused(tmp_path, "command line", "<= 64", overrides={"batching": {"max_size": 65}})


def test_a_wrong_choice_lists_the_choices(tmp_path: Path) -> None:
    refused(tmp_path, "allowed: one of local, s3", CUTWIRE_KIND="ftp")


def test_broken_json_in_a_variable_names_it(tmp_path: Path) -> None:
    refused(tmp_path, "CUTWIRE_ORIGINS", "a list (JSON", "each a text", CUTWIRE_ORIGINS="a,b")


def test_a_structs_own_rule_names_its_section(tmp_path: Path) -> None:
    refused(tmp_path, "batching: max_wait_ms is above", toml="[batching]\nmax_wait_ms = 2000")


def test_a_missing_value_says_how_to_set_it() -> None:
    with pytest.raises(SettingsError, match=r"inner\.certificate .* CUTWIRE_INNER__CERTIFICATE"):
        load_settings(Needs, file=None, environ={})


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    refused(tmp_path, "cutwire.toml is not TOML", "line 1", toml="a = !")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(Settings, file=tmp_path / "none.toml", environ={})


def test_a_secret_is_never_shown() -> None:
    secret = Secret("s3cret")
    shown = f"{secret} {secret!r} {Settings(key=secret)!r}"
    assert "s3cret" not in shown


def test_a_secret_gives_its_text_on_request() -> None:
    assert Secret("s3cret").reveal() == "s3cret"


def test_a_secret_of_the_wrong_type_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, toml="key = 12345")
    assert "12345" not in str(caught.value)


def test_a_secret_cannot_be_encoded_by_accident() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret("s3cret"))
