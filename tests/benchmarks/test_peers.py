"""Who is compared: those that are installed; and only servers that do the work."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.contenders import Contender, contenders
from benchmarks.load import Tree
from benchmarks.peers import check_picture, choose


@pytest.fixture
def known() -> dict[str, Contender]:
    return contenders(Path("/models/net.onnx"), Path("/models/int8.onnx"))


def image(mode: str, kind: str, corner: object) -> bytes:
    picture, buffer = Image.new(mode, (8, 8)), io.BytesIO()
    picture.putpixel((0, 0), corner)
    picture.save(buffer, kind)
    return buffer.getvalue()


def test_peer_without_its_environment_is_left_out_by_name(
    known: dict[str, Contender], capsys: pytest.CaptureFixture[str]
) -> None:
    known["rembg"] = replace(known["rembg"], python=Path("/nowhere/python"))
    assert [one.name for one in choose(["cutwire", "rembg"], known)] == ["cutwire"]
    told = capsys.readouterr().out
    assert "rembg" in told
    assert "make bench-setup" in told


def test_unknown_peer_ends_the_run(known: dict[str, Contender]) -> None:
    with pytest.raises(SystemExit, match="there is no nobody"):
        choose(["nobody"], known)


def test_picture_that_is_no_cut_out_ends_the_run() -> None:
    jpeg, opaque = image("RGB", "JPEG", (1, 2, 3)), image("RGBA", "PNG", (1, 2, 3, 0))
    with pytest.raises(RuntimeError, match="not a cut-out"):
        check_picture("anyone", opaque, jpeg)


def test_cut_out_of_the_same_size_is_taken() -> None:
    check_picture("anyone", image("RGBA", "PNG", (1, 2, 3, 255)), image("RGB", "JPEG", (1, 2, 3)))


def test_cpu_time_and_memory_of_children_count() -> None:
    work = "import sys; data = bytearray(90_000_000); sys.stdin.read()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE)
    try:
        tree = Tree(process.pid, every_s=0.005)
        with tree.metered():
            while tree.peak_bytes < 90_000_000:
                assert process.poll() is None
        assert tree.peak_bytes > 90_000_000
        assert tree.cpu_s > 0
    finally:
        process.communicate()
