"""Everybody can use it: rules of axe-core, the keyboard, small windows, both themes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from browser.conftest import Open
from browser.visit import Visit
from integration.pictures import encoded, scene
from integration.service import Service
from playwright.async_api import expect

AXE = "axe-core@4.11.1"
PATIENCE_S = 120
SERIOUS = {"serious", "critical"}
PICTURE = encoded(scene(160, 120))
RUN = """async () => {
    const { violations, passes } = await axe.run(document);
    const where = (nodes) => nodes.map((node) => node.html);
    const told = violations.map(({ id, impact, nodes }) => ({ id, impact, where: where(nodes) }));
    return { violations: told, rules: passes.length };
}"""


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest) -> str:
    """The source of axe-core, kept in pytest's cache."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("axe-core")
    source: Path = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not source.exists():
        command = ["npm", "install", "--no-save", "--no-audit", "--no-fund", AXE]
        try:
            subprocess.run(command, cwd=folder, capture_output=True, timeout=PATIENCE_S, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as exc:
            pytest.skip(f"npm cannot install {AXE}: {exc}")
    return source.read_text()


async def found(page: Visit, axe: str) -> list[Any]:
    """What axe-core calls serious on the page as it is."""
    await page.page.evaluate(axe)
    told = await page.page.evaluate(RUN)
    assert told["rules"] > 10
    return [each for each in told["violations"] if each["impact"] in SERIOUS]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(
    service: Service, visit: Open, axe: str, scheme: str
) -> None:
    page = await visit(service, key=None, color_scheme=scheme)
    states = {"asking for the key": await found(page, axe)}
    await page.open("key-of-acme")
    states["empty"] = await found(page, axe)
    await page.drop({"blob.png": PICTURE})
    await page.has_done()
    await page.page.get_by_role("switch", name="Alpha matting").check()
    await page.page.get_by_role("switch", name="Background colour").check()
    await page.open_more()
    states["done"] = await found(page, axe)
    await page.set("alphaMattingErodeSize", "300")
    await page.run()
    await page.has_failed()
    states["failed"] = await found(page, axe)
    await page.choose("Find masks")
    await page.run()
    await expect(page.page.locator(".picker")).to_be_visible()
    states["found"] = await found(page, axe)
    await page.choose("Erase")
    await expect(page.page.locator(".shelf .region").first).to_be_visible()
    states["painting"] = await found(page, axe)
    assert states == {name: [] for name in states}


async def test_axe_would_find_something(service: Service, visit: Open, axe: str) -> None:
    page = await visit(service)
    for name in ("title", "aria-label"):
        await page.page.evaluate(
            f"document.querySelector('#theme-button').removeAttribute('{name}')"
        )
    assert [each["id"] for each in await found(page, axe)] == ["button-name"]


@pytest.mark.parametrize("task", ["Cut out", "Find masks", "Erase"])
async def test_phone_does_not_scroll_sideways(service: Service, visit: Open, task: str) -> None:
    page = await visit(
        service, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    await page.choose(task)
    await page.pick({"a-picture-with-a-rather-long-name.png": PICTURE, "two.png": PICTURE})
    if task == "Erase":
        await expect(page.page.locator(".frame")).to_be_visible()
    else:
        await page.has_done(2)
    assert await page.page.evaluate("document.documentElement.scrollWidth") == 360


async def test_keyboard_alone_reaches_a_result(service: Service, visit: Open) -> None:
    page = await visit(service)
    await page.paste("blob.png", PICTURE)
    await page.has_done()
    keyboard = page.page.keyboard
    await page.page.locator("input[name=task]:checked").focus()
    for _ in range(3):
        await keyboard.press("ArrowRight")
    await keyboard.press("Enter")
    await expect(page.page.locator("#announcer")).to_contain_text("Blur done")
    slider = page.page.get_by_role("slider", name="Compare")
    await slider.focus()
    await keyboard.press("Home")
    await expect(slider).to_have_attribute("aria-valuenow", "0")
    await keyboard.press("End")
    await expect(slider).to_have_attribute("aria-valuenow", "100")


async def test_theme_is_the_systems_until_it_is_chosen(service: Service, visit: Open) -> None:
    page = await visit(service, color_scheme="dark")
    theme = page.page.locator("html")
    await expect(theme).to_have_attribute("data-theme", "dark")
    await page.button("Use the light theme").click()
    await page.page.reload()
    await expect(theme).to_have_attribute("data-theme", "light")
