from pathlib import Path

import msgspec
import pytest

from inference.config import SettingsError
from inference.models import Catalogue, ModelSettings, Row
from inference.models.public import PUBLIC_ALIASES, PUBLIC_ROWS
from protocol.errors import ModelUnavailable, UnsupportedParameter


def own_row(name: str = "mine", **fields) -> Row:
    return Row(**{"name": name, "task": "segment", "file": f"{name}.onnx", **fields})


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(ModelSettings(directory=str(tmp_path)))


def test_no_name_means_the_default_of_the_task(tmp_path: Path) -> None:
    catalogue = Catalogue(ModelSettings(directory=str(tmp_path), segment="u2net", inpaint="lama"))

    assert catalogue.find().name == "u2net"
    assert catalogue.find(task="inpaint").name == "lama"


def test_task_without_a_default_is_unavailable(catalogue: Catalogue) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        catalogue.find(task="inpaint")

    assert "models.inpaint" in caught.value.detail


def test_sdk_default_means_our_default(catalogue: Catalogue) -> None:
    assert catalogue.find("runware:109@1").name == "embedded"


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("runware:112@5", "birefnet-general"),
        ("runware:112@10", "birefnet-portrait"),
        ("bria:2@1", "rmbg-2.0"),
        ("isnet-general", "isnet-general-use"),
        ("birefnet-lite", "birefnet-general-lite"),
    ],
)
def test_alias_leads_to_its_row(catalogue: Catalogue, name: str, row: str) -> None:
    assert catalogue.find(name).name == row


@pytest.mark.parametrize("alias", PUBLIC_ALIASES)
def test_every_public_alias_leads_somewhere(catalogue: Catalogue, alias: str) -> None:
    assert catalogue.find(alias).task == "segment"


@pytest.mark.parametrize("name", ["runware:112@9", "ideogram:remove-background@0", "nonsense"])
def test_name_without_an_equal_is_refused_with_the_choices(catalogue: Catalogue, name: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        catalogue.find(name)

    assert caught.value.parameter == "model"
    assert "u2net" in (caught.value.constraint.allowed_values or [])
    assert "lama" not in (caught.value.constraint.allowed_values or [])


def test_choices_name_the_models_on_this_machine_first(tmp_path: Path) -> None:
    (tmp_path / "silueta.onnx").write_bytes(b"x")
    (tmp_path / "u2netp.onnx").write_bytes(b"x")
    catalogue = Catalogue(ModelSettings(directory=str(tmp_path)))

    with pytest.raises(UnsupportedParameter) as caught:
        catalogue.find("nonsense")

    values = caught.value.constraint.allowed_values or []
    here = [row.name for row in catalogue.available("segment")]
    assert values[: len(here)] == here
    assert {"silueta", "u2netp"} <= set(here)
    assert len(values) == len(set(values)) == len(catalogue.rows("segment"))


def test_model_of_another_task_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(UnsupportedParameter):
        catalogue.find("lama", "segment")


def test_known_model_that_is_absent_says_how_to_pull_it(catalogue: Catalogue) -> None:
    row = catalogue.find("runware:112@5")

    with pytest.raises(ModelUnavailable, match="cutwire models pull birefnet-general"):
        catalogue.path(row)


def test_model_without_an_address_says_where_its_file_goes(catalogue: Catalogue) -> None:
    with pytest.raises(ModelUnavailable, match=r"selfie_segmentation\.onnx"):
        catalogue.path(catalogue.find("selfie"))


def test_messages_hold_no_paths(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        catalogue.path(catalogue.find("u2net"))

    assert str(tmp_path) not in caught.value.message
    assert str(tmp_path) in caught.value.detail


def test_operator_row_by_absolute_path_is_found(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "net.onnx"
    path.parent.mkdir()
    path.write_bytes(b"x")
    settings = ModelSettings(
        directory=str(tmp_path / "models"), rows=(own_row(file=str(path)),), segment="mine"
    )

    catalogue = Catalogue(settings)

    assert catalogue.path(catalogue.find()) == path


def test_operator_row_replaces_the_public_one(tmp_path: Path) -> None:
    settings = ModelSettings(directory=str(tmp_path), rows=(own_row("u2net", licence="ours"),))

    assert Catalogue(settings).find("u2net").licence == "ours"


def test_operator_alias_replaces_the_public_one(tmp_path: Path) -> None:
    settings = ModelSettings(directory=str(tmp_path), aliases={"runware:109@1": "silueta"})

    assert Catalogue(settings).find("runware:109@1").name == "silueta"


def test_alias_to_nothing_is_an_error_that_names_it(tmp_path: Path) -> None:
    settings = ModelSettings(directory=str(tmp_path), aliases={"runware:1@1": "gone"})

    with pytest.raises(SettingsError, match=r"models\.aliases\.runware:1@1 names 'gone'"):
        Catalogue(settings)


def test_default_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"models\.segment"):
        Catalogue(ModelSettings(directory=str(tmp_path), segment="gone"))


def test_default_that_does_something_else_is_an_error_that_says_what(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"models\.segment names 'lama', which does inpaint"):
        Catalogue(ModelSettings(directory=str(tmp_path), segment="lama"))


def test_rembg_exact_is_a_switch_per_row(tmp_path: Path) -> None:
    catalogue = Catalogue(ModelSettings(directory=str(tmp_path), rembg_exact=("u2net",)))

    assert catalogue.find("u2net").is_rembg_exact
    assert not catalogue.find("u2netp").is_rembg_exact


def test_rembg_exact_of_a_model_that_rembg_cannot_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="rembg cannot run 'selfie'"):
        Catalogue(ModelSettings(directory=str(tmp_path), rembg_exact=("selfie",)))


@pytest.mark.parametrize("file", ["../x.onnx", "a/b.onnx", "", "models/../x.onnx"])
def test_relative_path_is_no_file_name(file: str) -> None:
    with pytest.raises(ValueError, match="file"):
        own_row(file=file)


def test_classifier_without_labels_is_no_row() -> None:
    with pytest.raises(ValueError, match="labels"):
        own_row(task="classify")


def test_rows_decode_from_settings_and_refuse_unknown_keys() -> None:
    row = {"name": "a", "task": "segment", "file": "a.onnx", "size": [64, 64]}
    assert msgspec.convert({"rows": [row]}, ModelSettings).rows[0].size == (64, 64)

    with pytest.raises(msgspec.ValidationError, match="sze"):
        msgspec.convert({"rows": [row | {"sze": 1}]}, ModelSettings)


@pytest.mark.parametrize("row", PUBLIC_ROWS, ids=lambda row: row.name)
def test_every_public_row_has_a_checksum_a_licence_and_a_memory_estimate(row: Row) -> None:
    assert row.is_packaged or row.sha256 or row.md5
    assert not row.url or row.url.startswith("https://")
    assert row.licence
    assert row.memory_bytes


def test_public_names_and_files_are_unique() -> None:
    assert len({row.name for row in PUBLIC_ROWS}) == len(PUBLIC_ROWS)
    assert len({row.file for row in PUBLIC_ROWS}) == len(PUBLIC_ROWS)
    assert not {row.name for row in PUBLIC_ROWS} & set(PUBLIC_ALIASES)


def test_command_line_finds_a_row_of_any_task_by_alias(catalogue: Catalogue) -> None:
    assert catalogue.named("lama").task == "inpaint"
    assert catalogue.named("birefnet-lite").name == "birefnet-general-lite"
    with pytest.raises(ModelUnavailable, match="no model 'nonsense'"):
        catalogue.named("nonsense")


@pytest.mark.parametrize("name", ["", "embedded", "runware:109@1"])
def test_erasing_needs_no_model_unless_one_is_chosen(tmp_path: Path, name: str) -> None:
    assert Catalogue(ModelSettings(directory=str(tmp_path))).find_fill(name) is None


def test_a_fill_by_name_is_the_catalogues_row(tmp_path: Path) -> None:
    row = Catalogue(ModelSettings(directory=str(tmp_path))).find_fill("lama")
    assert row is not None
    assert (row.name, row.task) == ("lama", "inpaint")


def test_the_settings_choose_what_fills_by_default(tmp_path: Path) -> None:
    catalogue = Catalogue(ModelSettings(directory=str(tmp_path), inpaint="migan"))
    row = catalogue.find_fill()
    assert row is not None
    assert row.name == "migan"
    assert catalogue.find_fill("embedded") is None


def test_a_model_that_does_not_fill_is_refused_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        Catalogue(ModelSettings(directory=str(tmp_path))).find_fill("u2net")
    assert caught.value.constraint.allowed_values == ["embedded", "lama", "migan"]
