import hashlib
from pathlib import Path

import pytest

from inference.models.disk import Folders, check_file, default_directory, record_sha256
from inference.models.row import Row
from protocol.errors import ModelUnavailable

CONTENT = b"a model"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


def row(**fields) -> Row:
    return Row(**{"name": "net", "task": "segment", "file": "net.onnx", **fields})


def write(folder: Path, content: bytes = CONTENT, name: str = "net.onnx") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("sums", [{}, {"sha256": SHA256}, {"md5": MD5}, {"sha256": SHA256.upper()}])
def test_file_that_matches_its_row_is_good(tmp_path: Path, sums: dict[str, str]) -> None:
    assert check_file(write(tmp_path), row(**sums)) == SHA256


@pytest.mark.parametrize("sums", [{"sha256": SHA256}, {"md5": MD5}])
def test_flipped_byte_is_found(tmp_path: Path, sums: dict[str, str]) -> None:
    path = write(tmp_path, b"a modem")

    with pytest.raises(ModelUnavailable, match="does not match its checksum") as caught:
        check_file(path, row(**sums))

    assert str(path) in caught.value.detail


def test_flipped_byte_is_found_by_the_recorded_checksum(tmp_path: Path) -> None:
    path = write(tmp_path)
    record_sha256(path, path)
    assert check_file(path, row()) == SHA256

    path.write_bytes(b"a modem")

    with pytest.raises(ModelUnavailable):
        check_file(path, row())


def test_recorded_checksum_does_not_replace_the_rows_own(tmp_path: Path) -> None:
    path = write(tmp_path, b"a modem")
    record_sha256(path, path)

    with pytest.raises(ModelUnavailable):
        check_file(path, row(md5=MD5))


@pytest.mark.parametrize("note", ["", "   \n"])
def test_empty_note_is_no_permission(tmp_path: Path, note: str) -> None:
    path = write(tmp_path)
    (tmp_path / "net.onnx.sha256").write_text(note)

    with pytest.raises(ModelUnavailable):
        check_file(path, row())


def test_packaged_file_needs_its_checksum(tmp_path: Path) -> None:
    path = write(tmp_path)

    with pytest.raises(ModelUnavailable, match="without its checksum"):
        check_file(path, row(is_packaged=True))

    (tmp_path / "net.sha256").write_text(f"{SHA256}\n")
    assert check_file(path, row(is_packaged=True)) == SHA256


def test_writable_folder_comes_before_the_others(tmp_path: Path) -> None:
    shared = write(tmp_path / "shared")
    folders = Folders(tmp_path / "own", (tmp_path / "none", tmp_path / "shared"))
    assert folders.find(row()) == shared

    own = write(tmp_path / "own")

    assert folders.find(row()) == own


def test_packaged_file_is_sought_in_the_package_alone(tmp_path: Path) -> None:
    write(tmp_path / "own")
    folders = Folders(tmp_path / "own", packaged=tmp_path / "weights")
    assert folders.find(row(is_packaged=True)) is None

    packaged = write(tmp_path / "weights")

    assert folders.find(row(is_packaged=True)) == packaged


def test_directory_is_no_model_file(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").mkdir()

    assert Folders(tmp_path).find(row()) is None


def test_default_directory_follows_xdg() -> None:
    assert default_directory({}) == "~/.cache/cutwire/models"
    assert default_directory({"XDG_CACHE_HOME": "/cache"}) == "/cache/cutwire/models"
    # The XDG specification: a relative path is ignored.
    assert default_directory({"XDG_CACHE_HOME": "cache"}) == "~/.cache/cutwire/models"
