"""The playground's files: their types, how long they keep, what a page of theirs may do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hatchling.builders.wheel import WheelBuilder
from starlette.applications import Starlette

from server.app import build_service
from server.playground import Playground
from server.settings import Settings

ROOT = Path(__file__).parents[3]
ORIGIN = "https://pictures.example"


def client(playground: Playground) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=playground.table()))
    return httpx.AsyncClient(transport=transport, base_url="http://test", follow_redirects=True)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with client(Playground({"tasks": []})) as http:
        yield http


def files_of(page: str) -> list[str]:
    """What the page names: `{folder}/{file}`."""
    return re.findall(r'"(playground/[^"#]+)', page)


async def test_every_file_that_the_page_names_is_there(http: httpx.AsyncClient) -> None:
    page = (await http.get("/")).text
    assert "{{" not in page
    for file in files_of(page):
        assert (await http.get(f"/{file}")).status_code == 200, file


async def test_every_module_imports_what_is_there(http: httpx.AsyncClient) -> None:
    (start,) = [file for file in files_of((await http.get("/")).text) if file.endswith("main.js")]
    seen, ahead = set(), [httpx.URL(f"http://test/{start}")]
    while ahead:
        url = ahead.pop()
        answer = await http.get(url)
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "text/javascript; charset=utf-8",
        )
        seen.add(url)
        found = re.findall(r'^import[^"]*"(\.[^"]+)";$', answer.text, re.MULTILINE)
        ahead += [next_one for next_one in map(url.join, found) if next_one not in seen]
    assert len(seen) > 20


@pytest.mark.parametrize(
    ("file", "media_type"),
    [
        ("css/base.css", "text/css; charset=utf-8"),
        ("logo.svg", "image/svg+xml"),
        ("sample.webp", "image/webp"),
        ("tasks.json", "application/json"),
    ],
)
async def test_file_has_its_type_and_is_kept_for_good(
    http: httpx.AsyncClient, file: str, media_type: str
) -> None:
    folder = files_of((await http.get("/")).text)[0].split("/")[1]
    answer = await http.get(f"/playground/{folder}/{file}")
    assert answer.headers["content-type"] == media_type
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_page_is_asked_for_again_and_unchanged_not_sent_again(
    http: httpx.AsyncClient,
) -> None:
    first = await http.get("/")
    assert first.headers["cache-control"] == "no-cache"
    again = await http.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await http.get("/", headers={"If-None-Match": '"other"'})
    assert other.content == first.content


async def test_other_contents_have_other_addresses() -> None:
    async with client(Playground({"tasks": []})) as one, client(Playground({"tasks": [1]})) as two:
        assert files_of((await one.get("/")).text) != files_of((await two.get("/")).text)


@pytest.mark.parametrize(
    "path",
    [
        "/playground/0000000000000000/js/main.js",
        "/playground/{folder}/index.html",
        "/playground/{folder}/none.js",
        "/playground/{folder}/../pages.py",
        "/playground/{folder}/%2e%2e/pages.py",
        "/playground/{folder}/",
    ],
)
async def test_anything_else_is_not_found(http: httpx.AsyncClient, path: str) -> None:
    folder = files_of((await http.get("/")).text)[0].split("/")[1]
    assert (await http.get(path.format(folder=folder))).status_code == 404


async def test_page_may_run_and_ask_nothing_but_its_service(http: httpx.AsyncClient) -> None:
    policy = (await http.get("/")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_page_may_show_pictures_of_the_store_that_signs_its_own_urls() -> None:
    async with client(Playground({"tasks": []}, ORIGIN)) as http:
        policy = (await http.get("/")).headers["content-security-policy"].split("; ")
    assert f"connect-src 'self' {ORIGIN}" in policy
    assert [part for part in policy if part.startswith("script-src")] == ["script-src 'self'"]


async def test_page_has_no_script_and_no_style_of_its_own(http: httpx.AsyncClient) -> None:
    page = (await http.get("/")).text
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", page) == []


def test_wheel_carries_every_file_and_the_licences() -> None:
    builder = WheelBuilder(str(ROOT))
    carried = {file.distribution_path for file in builder.recurse_included_files()}
    folder = ROOT / "server" / "playground" / "assets"
    files = [path.relative_to(ROOT).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert len([name for name in files if name.endswith("LICENSE")]) == 2
    assert set(files) <= carried


@pytest.mark.parametrize(("is_on", "status"), [(True, 200), (False, 404)])
async def test_setting_turns_it_off(tmp_path: Path, is_on: bool, status: int) -> None:
    service = build_service(Settings(data_dir=tmp_path, playground=is_on))
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        assert (await http.get("/")).status_code == status
