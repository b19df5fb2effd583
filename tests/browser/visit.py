"""One visit of the playground: what people do there, by the names that they see."""

from __future__ import annotations

import base64
from typing import Any

from integration.pictures import opened
from PIL import Image
from playwright.async_api import ConsoleMessage, Locator, Page, Request, expect

PATIENCE_MS = 60_000
Files = dict[str, bytes]

DROP = """async ([target, files]) => {
    const transfer = new DataTransfer();
    for (const [name, data] of files) {
        const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type: "image/png" }));
    }
    for (const type of ["dragenter", "dragover", "drop"]) {
        const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
        document.querySelector(target).dispatchEvent(new DragEvent(type, options));
    }
}"""
PASTE = """async ([name, data]) => {
    const transfer = new DataTransfer();
    const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: "image/png" }));
    const options = { clipboardData: transfer, bubbles: true };
    document.body.dispatchEvent(new ClipboardEvent("paste", options));
}"""
DECODE = """async () => {
    const picture = document.querySelector(".view img.result");
    await picture.decode();
    const bitmap = await createImageBitmap(picture);
    return [bitmap.width, bitmap.height];
}"""


class Visit:
    """A page, what it complained about, and whom it asked but the service."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.pardoned = "\0"
        """What a test provokes, and the console may hold."""
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._see)

    async def open(self, key: str | None) -> None:
        """Come with a key in the address, or without one."""
        await self.page.goto(f"{self.url}/#key={key}" if key else f"{self.url}/")
        if key:
            await self.is_online()

    async def is_online(self) -> None:
        await expect(self.page.locator("#status")).to_have_attribute(
            "data-state", "online", timeout=PATIENCE_MS
        )

    # What comes in

    async def drop(self, files: Files) -> None:
        listed = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
        await self.page.evaluate(DROP, ["#stage", listed])

    async def paste(self, name: str, data: bytes) -> None:
        await self.page.evaluate(PASTE, [name, base64.b64encode(data).decode()])

    async def pick(self, files: Files) -> None:
        await self.page.set_input_files(
            "#picker",
            [
                {"name": name, "mimeType": "image/png", "buffer": data}
                for name, data in files.items()
            ],
        )

    # What is done

    async def choose(self, task: str) -> None:
        await self.page.get_by_role("radio", name=task, exact=True).check(force=True)

    async def set(self, field: str, value: str) -> None:
        """Fill in a number by its wire name."""
        await self.page.fill(f"[data-field='{field}'] input[type=number]", value)

    async def run(self) -> None:
        await self.page.click("#run")

    async def open_more(self) -> None:
        await self.page.locator("#more summary").click()

    async def open_tab(self, name: str) -> str:
        """Open a tab of the inspector; return its text."""
        await self.page.get_by_role("tab", name=name, exact=True).click()
        return await self.page.locator("#tab-panel").inner_text()

    # What is seen

    async def has_done(self, count: int = 1) -> None:
        """Wait until so many pictures have their result."""
        await self._has(count, "done")

    async def has_failed(self, count: int = 1) -> None:
        await self._has(count, "failed")

    async def _has(self, count: int, state: str) -> None:
        thumbs = self.page.locator(f".thumb[data-state={state}]")
        await expect(thumbs).to_have_count(count, timeout=PATIENCE_MS)

    async def result_size(self) -> tuple[int, int]:
        """The size of the result as the browser decodes it."""
        await self.page.get_by_role("radio", name="Result", exact=True).check(force=True)
        width, height = await self.page.evaluate(DECODE)
        return width, height

    async def download(self) -> Image.Image:
        """Save the result; return it decoded."""
        async with self.page.expect_download() as download:
            await self.page.get_by_role("button", name="Download", exact=True).click()
        path = await (await download.value).path()
        return opened(path.read_bytes())

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and self.pardoned not in message.text:
            self.complaints.append(message.text)

    def _see(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "blob:", "data:")):
            self.strangers.append(request.url)


async def path_of(frame: Locator, *points: tuple[float, float]) -> list[tuple[float, float]]:
    """Points of the window at these parts of an element's sides."""
    box: Any = await frame.bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
