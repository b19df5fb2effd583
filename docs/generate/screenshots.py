"""The screenshots of README and documentation: the playground at work on scenes made by code.

python docs/generate/screenshots.py docs/pages/images     (needs Chromium: make browser)
"""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.async_api import Page, async_playwright

_ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(_ROOT), str(_ROOT / "tests"), str(_ROOT / "docs")]

from browser.conftest import FLAGS
from browser.visit import Visit
from generate.picture import scene
from tools.chromium import find

from server.demo.running import running_service

VIEW = {"viewport": {"width": 1280, "height": 820}, "device_scale_factor": 1.25}
PHONE = {
    "viewport": {"width": 390, "height": 780},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
SMALL = (0.34, 0.03, 0.60)
"""The second pot: its size, and its place in shares of the picture."""
QUALITY = 82


async def main(out: Path) -> None:
    """Take all of them."""
    pot = scene()
    with running_service() as (url, key):
        async with async_playwright() as driver:
            browser = await driver.chromium.launch(executable_path=find(), args=FLAGS)
            for name, scheme, options, show in (
                ("playground", "light", VIEW, cut_out),
                ("playground-erase", "dark", VIEW, erase),
                ("playground-masks", "light", VIEW, find_masks),
                ("playground-code", "light", VIEW, show_code),
                ("playground-phone", "dark", PHONE, cut_out),
            ):
                page = await browser.new_page(color_scheme=scheme, **options)
                visit = Visit(page, url)
                await visit.open(key)
                await show(visit, pot)
                await page.wait_for_timeout(500)  # for the last transition to end
                shot = Image.open(io.BytesIO(await page.screenshot()))
                shot.convert("RGB").save(out / f"{name}.webp", quality=QUALITY, method=6)
                await page.close()
            await browser.close()


async def cut_out(visit: Visit, pot: Image.Image) -> None:
    """Three pots, cut out, one of them shown against its picture."""
    green, mirrored = _turned(pot, 60), _turned(pot, 190).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pots = {"teapot.png": pot, "green.png": green, "mirrored.png": mirrored}
    await visit.pick({name: _png(picture) for name, picture in pots.items()})
    await visit.has_done(3)
    await visit.page.locator(".thumb").first.click()
    await visit.page.evaluate("scrollTo(0, 0)")


async def find_masks(visit: Visit, pot: Image.Image) -> None:
    """What imageMasking found in the picture of two pots; the smaller one is picked."""
    await visit.choose("Find masks")
    await visit.pick({"two-pots.png": _png(_two(pot))})
    await visit.page.locator(".picker").wait_for(timeout=60_000)
    await visit.page.locator(".region").nth(3).click()
    await visit.page.evaluate("scrollTo(0, 0)")


async def show_code(visit: Visit, pot: Image.Image) -> None:
    """The request of a blur as code."""
    await visit.choose("Blur")
    await visit.pick({"teapot.png": _png(pot)})
    await visit.has_done()
    await visit.open_tab("Python")
    await visit.page.locator("#inspector").scroll_into_view_if_needed()


async def erase(visit: Visit, pot: Image.Image) -> None:
    """A brush over the smaller of two pots, and what imageMasking found."""
    await visit.pick({"two-pots.png": _png(_two(pot))})
    await visit.choose("Erase")
    await visit.button("Find objects").click()
    await visit.page.locator(".shelf .region").first.wait_for(timeout=60_000)
    await _paint(visit.page)


async def _paint(page: Page) -> None:
    box = await page.locator(".mask-ink").bounding_box()
    assert box is not None
    size, left, top = SMALL
    for row in np.linspace(0.28, 0.74, 6):
        for column, move in ((0.12, page.mouse.move), (0.86, page.mouse.move)):
            x = box["x"] + box["width"] * (left + size * column)
            y = box["y"] + box["height"] * (top + size * row)
            await move(x, y, steps=12)
            await page.mouse.down()
        await page.mouse.up()


def _two(pot: Image.Image) -> Image.Image:
    """Set a smaller pot beside the large one."""
    size, left, top = SMALL
    ground = scene(pots=False)
    shape = np.abs(np.asarray(pot, int) - np.asarray(ground, int)).max(-1) > 24
    mask = Image.fromarray((shape * 255).astype(np.uint8))
    small = (round(pot.width * size), round(pot.height * size))
    picture = pot.copy()
    picture.paste(
        _turned(pot, 120).resize(small),
        (round(pot.width * left), round(pot.height * top)),
        mask.resize(small),
    )
    return picture


def _turned(picture: Image.Image, hue: int) -> Image.Image:
    """Turn the colours; 256 is the whole circle."""
    bands = picture.convert("HSV").split()
    turned = bands[0].point(lambda value: (value + hue) % 256)
    return Image.merge("HSV", (turned, *bands[1:])).convert("RGB")


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
