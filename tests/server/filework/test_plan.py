"""Which file becomes which."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.errors import CutwireError
from server.filework.plan import make_plan


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    for name in ("cat.JPG", "trip/dog.webp", "notes.txt"):
        (folder / name).write_bytes(b"")
    return folder


def test_folder_stands_for_its_pictures_and_keeps_its_shape(photos: Path, tmp_path: Path) -> None:
    plan = make_plan([photos], tmp_path / "out", "PNG")
    targets = {piece.target.relative_to(tmp_path / "out") for piece in plan.pieces}
    assert targets == {Path("cat.png"), Path("trip/dog.png")}


def test_file_that_is_named_is_taken_whatever_it_is_called(photos: Path, tmp_path: Path) -> None:
    plan = make_plan([photos / "notes.txt"], tmp_path, "WEBP")
    assert [piece.target.name for piece in plan.pieces] == ["notes.webp"]


def test_what_is_there_already_is_left_out(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"")
    plan = make_plan([photos], tmp_path, "PNG")
    assert ([piece.source.name for piece in plan.pieces], plan.done) == (["dog.webp"], 1)


def test_what_is_there_already_is_made_anew_when_asked(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"")
    assert len(make_plan([photos], tmp_path, "PNG", overwrites=True).pieces) == 2


def test_picture_named_twice_is_done_once(photos: Path, tmp_path: Path) -> None:
    cat = photos / "cat.JPG"
    assert len(make_plan([cat, cat], tmp_path, "PNG").pieces) == 1


def test_two_results_of_one_name_are_refused(photos: Path, tmp_path: Path) -> None:
    (photos / "cat.png").write_bytes(b"")
    with pytest.raises(CutwireError, match=r"cat\.JPG and .*cat\.png would both become"):
        make_plan([photos], tmp_path, "PNG")


def test_result_never_replaces_its_own_picture(photos: Path) -> None:
    picture = photos / "cat.jpg"
    picture.write_bytes(b"")
    with pytest.raises(CutwireError, match="replaced by its own result"):
        make_plan([picture], photos, "JPG")


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CutwireError, match=r"gone\.jpg is not there"):
        make_plan([tmp_path / "gone.jpg"], tmp_path, "PNG")


def test_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CutwireError, match="no picture to work on"):
        make_plan([tmp_path], tmp_path / "out", "PNG")


def test_mask_is_found_by_the_name_of_its_picture(photos: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    (masks / "cat.png").write_bytes(b"")
    (piece,) = make_plan([photos / "cat.JPG"], tmp_path, "PNG", mask=masks).pieces
    assert piece.mask == masks / "cat.png"


def test_picture_without_its_mask_is_named(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(CutwireError, match=r"no mask for .*cat\.JPG"):
        make_plan([photos / "cat.JPG"], tmp_path, "PNG", mask=photos / "trip")


def test_mask_that_is_not_there_is_named(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(CutwireError, match=r"none\.png is not there"):
        make_plan([photos / "cat.JPG"], tmp_path, "PNG", mask=tmp_path / "none.png")
