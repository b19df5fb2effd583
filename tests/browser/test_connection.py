"""What the page does when the service goes away and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

from browser.conftest import Open
from browser.visit import Visit
from integration.pictures import encoded, scene
from integration.service import KEY, Service
from playwright.async_api import WebSocket, expect

COUNT = 4
SIZE = (900, 700)
PICTURE = encoded(scene(*SIZE))


def first_task(page: Visit) -> asyncio.Event:
    """Set as soon as the page has sent a task that is no upload."""
    was_sent = asyncio.Event()

    def look(frame: str | bytes) -> None:
        if '"removeBackground"' in str(frame):
            was_sent.set()

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", look)

    page.page.on("websocket", listen)
    return was_sent


async def test_nothing_is_lost_when_the_service_is_killed(visit: Open, tmp_path: Path) -> None:
    first = Service(tmp_path)
    try:
        page = await visit(first, key=None)
        page.pardoned = "ERR_CONNECTION_REFUSED"
        was_sent = first_task(page)
        await page.open(KEY)
        await page.pick({f"{number}.png": PICTURE for number in range(COUNT)})
        await was_sent.wait()
    finally:
        first.process.kill()
        first.process.wait()
    await expect(page.page.locator("#status")).to_have_attribute("data-state", "connecting")
    (tmp_path / "url").unlink()
    port = first.url.rpartition(":")[2]
    second = await asyncio.to_thread(Service, tmp_path, arguments=["--port", port])
    try:
        await page.is_online()
        await page.has_done(COUNT)
        assert await page.result_size() == SIZE
    finally:
        second.stop()
