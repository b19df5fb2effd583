"""A real service, a real Chromium, and a page that may neither complain nor ask anybody else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from browser.visit import Visit
from integration.service import KEY, Service
from playwright.async_api import Browser, async_playwright, expect
from tools.chromium import find

Open = Callable[..., Awaitable[Visit]]

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


SWITCH = "CUTWIRE_TEST_BROWSER"
"""Set, all tests run; else those marked `smoke`, since browsers are slow to work with."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all of them: the browser lives as long as the session."""
    here = Path(__file__).parent
    for item in items:
        if not item.path.is_relative_to(here):
            continue
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if SWITCH not in os.environ and item.get_closest_marker("smoke") is None:
            item.add_marker(pytest.mark.skip(reason="make browser runs it"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the browser is."""
    found = find()
    if found is None:
        pytest.skip("no Chromium on this machine: make browser installs one")
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A browser of its own, with a profile that is thrown away."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def service(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service as it is started by default."""
    service = Service(
        tmp_path_factory.mktemp("playground"), settings={"limits__wrong_keys_per_minute": 1000}
    )
    yield service
    service.stop()
    assert service.defects() == []


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser) -> AsyncIterator[Open]:
    """Open the page as somebody new; at the end it must have been quiet."""
    visits: list[Visit] = []

    async def open_page(service: Service, key: str | None = KEY, **options: Any) -> Visit:
        options = {"viewport": {"width": 1280, "height": 860}} | options
        context = await browser.new_context(reduced_motion="reduce", **options)
        context.set_default_timeout(PATIENCE_MS)
        visits.append(Visit(await context.new_page(), service.url))
        await visits[-1].open(key)
        return visits[-1]

    yield open_page
    await asyncio.gather(*(visit.page.context.close() for visit in visits))
    assert [visit.complaints for visit in visits] == [[]] * len(visits)
    assert [visit.strangers for visit in visits] == [[]] * len(visits)
