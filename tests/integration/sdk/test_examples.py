"""The examples of the documentation, run as they are printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from integration.pictures import encoded, scene
from integration.service import KEY, ROOT, Service

EXAMPLES = ROOT / "docs" / "examples"
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
URL = re.compile(r"http://[^\s\"]+")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the picture that the examples speak of."""
    (tmp_path / "cat.jpg").write_bytes(encoded(scene(640, 480), "JPG"))
    return tmp_path


def outputs(service: Service, folder: Path, *command: str) -> list[str]:
    """Run an example; the URLs that it prints."""
    ran = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "API_KEY": KEY,
            "WS_URL": service.ws_url,
            "HTTP_URL": service.url,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return URL.findall(ran.stdout)


@pytest.mark.parametrize(
    ("example", "results"), [("first_task", 1), ("many_tasks", 2), ("websocket", 3)]
)
def test_python_example_gets_its_results(
    service: Service, folder: Path, example: str, results: int
) -> None:
    if example == "many_tasks":
        shutil.copy(folder / "cat.jpg", folder / "dog.jpg")
    urls = outputs(service, folder, sys.executable, str(EXAMPLES / f"{example}.py"))
    assert len(urls) == results
    assert {httpx.get(url).status_code for url in urls} == {200}


def readme(beginning: str, service: Service) -> str:
    """The README's program that begins so, with this service's address and key."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    (program,) = (block for block in blocks if block.startswith(beginning))
    return (
        str(program)
        .replace("cw_…", KEY)
        .replace("http://127.0.0.1:8000", service.url)
        .replace("ws://127.0.0.1:8000/v1", service.ws_url)
    )


def test_python_of_the_readme_gets_its_result(service: Service, folder: Path) -> None:
    program = readme("import asyncio", service)
    (url,) = outputs(service, folder, sys.executable, "-c", program)
    assert httpx.get(url).status_code == 200


def test_curl_of_the_readme_gets_its_result(service: Service, folder: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    (url,) = outputs(service, folder, "bash", "-c", readme("curl", service))
    assert httpx.get(url).status_code == 200


@pytest.mark.parametrize("example", ["first_task", "blur"])
def test_curl_example_gets_its_result(service: Service, folder: Path, example: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    (url,) = outputs(service, folder, "bash", str(EXAMPLES / f"{example}.sh"))
    assert httpx.get(url).status_code == 200


def test_javascript_example_gets_its_result(service: Service, folder: Path, packages: Path) -> None:
    (folder / "node_modules").symlink_to(packages / "node_modules")
    shutil.copy(EXAMPLES / "first_task.mjs", folder)
    (url,) = outputs(service, folder, "node", "first_task.mjs")
    assert httpx.get(url).status_code == 200
