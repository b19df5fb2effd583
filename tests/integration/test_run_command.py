"""`cutwire run`: tasks on files, in a process of its own and by the service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from integration.pictures import encoded, opened, scene
from integration.service import KEY, ROOT, Service
from PIL import Image

SIZE = (96, 72)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("one", "two", "three"):
        (folder / f"{name}.png").write_bytes(encoded(scene(*SIZE)))
    return folder


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server.cli", "run", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def lines(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    return {Path(line["file"]).stem: line for line in told}


@pytest.fixture(params=["here", "by the service"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> list[object]:
    """The options that say who does the work."""
    if request.param == "here":
        return []
    service: Service = request.getfixturevalue("service")
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n")
    return ["--server", service.url, "--api-key-file", key]


def test_every_picture_becomes_its_cut_out(photos: Path, tmp_path: Path, where: Any) -> None:
    ran = run("removeBackground", photos, "-o", tmp_path / "out", *where)
    assert ran.returncode == 0, ran.stderr
    results = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in results] == ["one.png", "three.png", "two.png"]
    assert {
        (opened(path.read_bytes()).mode, opened(path.read_bytes()).size) for path in results
    } == {("RGBA", SIZE)}


def test_one_bad_file_fails_alone_and_is_named(photos: Path, tmp_path: Path, where: Any) -> None:
    (photos / "two.png").write_bytes(b"no picture")
    ran = run("removeBackground", photos, "-o", tmp_path / "out", "--json", *where)
    told = lines(ran)
    assert ran.returncode == 1
    assert "only PNG, JPEG and WEBP" in told.pop("two")["error"]
    assert [line["error"] for line in told.values()] == [None, None]


def test_erase_takes_a_mask_from_a_file(photos: Path, tmp_path: Path, where: Any) -> None:
    mask = Image.new("L", SIZE)
    mask.paste(255, (40, 30, 60, 45))
    mask.save(tmp_path / "mask.png")
    out = tmp_path / "out"
    ran = run("imageErase", photos / "one.png", "--mask", tmp_path / "mask.png", "-o", out, *where)
    assert ran.returncode == 0, ran.stderr
    assert opened((out / "one.png").read_bytes()).size == SIZE


def test_masks_come_with_what_was_found(photos: Path, tmp_path: Path, where: Any) -> None:
    ran = run("imageMasking", photos / "one.png", "-o", tmp_path / "out", *where)
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "out" / "one.json").read_text())
    assert {"boundingBox", "confidence", "area"} <= found[0].keys()


def test_mask_of_each_region_is_a_file_that_erases_it(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("imageMasking", photos / "one.png", "-o", out)
    found = json.loads((out / "one.json").read_text())
    mask = out / found[0]["maskImage"]
    assert opened(mask.read_bytes()).mode == "L"
    ran = run("imageErase", photos / "one.png", "--mask", mask, "-o", tmp_path / "erased")
    assert ran.returncode == 0, ran.stderr


def test_a_second_run_does_only_what_is_left(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("removeBackground", photos, "-o", out)
    (out / "two.png").unlink()
    ran = run("removeBackground", photos, "-o", out, "--json")
    assert (ran.returncode, list(lines(ran))) == (0, ["two"])


def test_wrong_parameter_is_wrong_usage_and_nothing_is_made(photos: Path, tmp_path: Path) -> None:
    ran = run("imageBackgroundBlur", photos, "-o", tmp_path / "out", "--scale", "9")
    assert (ran.returncode, (tmp_path / "out").exists()) == (2, False)
    assert "scale must be an integer from 1 to 5" in ran.stderr


def test_service_that_is_not_there_is_named(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    to = ["--server", "http://127.0.0.1:9", "--api-key-file", tmp_path / "key"]
    ran = run("removeBackground", photos, "-o", tmp_path / "out", *to)
    assert ran.returncode == 1
    assert "There is no service at http://127.0.0.1:9" in ran.stderr


def test_wrong_key_is_told_for_each_picture(photos: Path, tmp_path: Path, service: Service) -> None:
    (tmp_path / "key").write_text("wrong")
    to = ["--server", service.url, "--api-key-file", tmp_path / "key"]
    ran = run("removeBackground", photos / "one.png", "-o", tmp_path / "out", "--json", *to)
    assert "invalidApiKey" in lines(ran)["one"]["error"]


def test_interrupted_run_leaves_no_half_written_file(photos: Path, tmp_path: Path) -> None:
    for number in range(40):
        (photos / f"more{number}.png").write_bytes(encoded(scene(640, 480)))
    command = [sys.executable, "-m", "server.cli", "run", "removeBackground", str(photos)]
    out = tmp_path / "out"
    with subprocess.Popen(
        [*command, "-o", str(out), "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    made = list(out.iterdir())
    assert 0 < len(made) < 43
    assert all(opened(path.read_bytes()).mode == "RGBA" for path in made)


def test_file_name_that_is_no_text_is_told_with_its_bytes_escaped(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / name).write_bytes(encoded(scene(*SIZE)))
    ran = run("removeBackground", tmp_path / name, "-o", tmp_path / "out", "--json")
    assert ran.returncode == 0, ran.stderr
    (line,) = lines(ran).values()
    assert line["file"] == str(tmp_path / r"caf\xe9.png")
