"""The container image: what it is built of, and as whom it runs."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from deploy.files import DEPLOY, ROOT

from server.cli import make_parser

FOLDER = DEPLOY / "container"
TEXT = (FOLDER / "Containerfile").read_text()
PIN = re.compile(r"^([a-z0-9-]+)==([^ ]+)", re.MULTILINE)


def pins(path: str) -> set[tuple[str, str]]:
    return set(PIN.findall((ROOT / path).read_text()))


def sources() -> list[str]:
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+)$", TEXT, re.MULTILINE)
    names = [name for line in copied for name in line.split()[:-1]]
    return [name.replace("${FLAVOUR}", flavour) for name in names for flavour in ("cpu", "cuda")]


@pytest.mark.parametrize(
    ("lock", "tested"),
    [
        ("deploy/container/cpu.lock", "requirements.lock"),
        ("deploy/container/cuda.lock", "requirements-cuda.lock"),
        ("deploy/container/build.lock", "requirements.lock"),
        ("requirements-run.lock", "requirements.lock"),
    ],
)
def test_what_runs_has_the_versions_that_are_tested(lock: str, tested: str) -> None:
    twin = {("onnxruntime", version) for name, version in pins(tested) if name == "onnxruntime-gpu"}
    assert pins(lock) - pins(tested) - twin == set()


def test_both_flavours_have_the_broker_and_the_sandbox() -> None:
    for flavour in ("cpu", "cuda"):
        names = {name for name, _ in pins(f"deploy/container/{flavour}.lock")}
        assert {
            "nats-py",
            "pyseccomp",
            "onnxruntime-gpu" if flavour == "cuda" else "numba",
        } <= names


def test_cpu_flavour_has_one_onnxruntime() -> None:
    text = (FOLDER / "cpu.lock").read_text()
    assert re.search(r"^onnxruntime==\S+ \\", text, re.MULTILINE)
    assert re.search(r"^onnxruntime-gpu==\S+ ; sys_platform == 'never'", text, re.MULTILINE)


def test_all_that_is_copied_exists_and_is_let_in() -> None:
    ignored = (FOLDER / "Containerfile.dockerignore").read_text().splitlines()
    for name in sources():
        assert (ROOT / name).exists(), name
        let_in = {f"!{name}", "!" + re.sub(r"[^/]+\.lock$", "*.lock", name)}
        assert let_in & set(ignored), name


def test_build_tool_is_the_projects_own() -> None:
    (wanted,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert wanted.split(">=")[0] in {name for name, _ in pins("deploy/container/build.lock")}
    assert f'"{wanted}" | $(UV) pip compile' in (ROOT / "Makefile").read_text()


def test_base_is_pinned_and_user_is_nobody_special() -> None:
    assert re.search(r"^ARG BASE=\S+:3\.11\.\d+-slim-bookworm$", TEXT, re.MULTILINE)
    assert re.findall(r"^USER (.+)$", TEXT, re.MULTILINE) == ["10001:10001"]


def test_code_is_compiled_where_and_for_what_it_is_looked_up() -> None:
    found = re.findall(
        r"NUMBA_CACHE_DIR=(\S+) NUMBA_CPU_NAME=(\S+) NUMBA_CPU_FEATURES=(?: |$)", TEXT, re.MULTILINE
    )
    assert found == [("/opt/cutwire/kernels", "${CPU}")] * 2


def test_image_runs_our_command() -> None:
    assert re.findall(r"^ENTRYPOINT (.+)$", TEXT, re.MULTILINE) == ['["cutwire"]']
    (command,) = re.findall(r"^CMD (\[.+\])$", TEXT, re.MULTILINE)
    make_parser().parse_args(json.loads(command))
