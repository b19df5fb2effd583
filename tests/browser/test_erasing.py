"""Masks: painted, undone, inverted, picked; what is under them goes, all else stays."""

from __future__ import annotations

import json

import numpy as np
import pytest
from browser.conftest import Open
from browser.visit import Visit, path_of
from integration.pictures import encoded, scene
from integration.service import Service
from numpy.typing import NDArray
from PIL import ImageDraw
from playwright.async_api import expect

SIZE = (160, 120)
SCENE = scene(*SIZE)
ImageDraw.Draw(SCENE).ellipse((78, 52, 94, 68), fill=(250, 220, 40))
PAINTED = """() => {
    const canvas = document.querySelector(".mask-ink");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 3; at < data.length; at += 4) count += data[at] > 127;
    return count / (data.length / 4);
}"""


async def painting(service: Service, visit: Open, **options: object) -> Visit:
    """A visit with the brush in hand."""
    page = await visit(service, **options)
    await page.choose("Erase")
    await page.drop({"blob.png": encoded(SCENE)})
    await expect(page.page.locator(".frame")).to_be_visible()
    return page


async def stroke(page: Visit) -> None:
    """Paint from the middle of the picture to the right of it."""
    mouse = page.page.mouse
    frame = page.page.locator(".frame")
    (start, *others) = await path_of(frame, (0.5, 0.5), (0.52, 0.5), (0.58, 0.5))
    await mouse.move(*start)
    await mouse.down()
    for place in others:
        await mouse.move(*place)
    await mouse.up()


async def painted(page: Visit) -> float:
    """The painted share of the picture."""
    return float(await page.page.evaluate(PAINTED))


async def changed(page: Visit) -> NDArray[np.bool_]:
    """Which pixels of the result are not the scene's."""
    after = await page.download()
    return (np.asarray(SCENE) != np.asarray(after.convert("RGB"))).any(axis=2)


@pytest.mark.smoke
async def test_what_is_painted_goes_and_all_else_stays(service: Service, visit: Open) -> None:
    page = await painting(service, visit)
    await stroke(page)
    await page.run()
    await page.has_done()
    rows, columns = np.nonzero(await changed(page))
    assert 0 < rows.size < 0.2 * SCENE.width * SCENE.height
    assert 40 < rows.mean() < 80
    assert 70 < columns.mean() < 110


async def test_nothing_painted_is_said_before_it_is_sent(service: Service, visit: Open) -> None:
    page = await painting(service, visit)
    await page.run()
    problem = page.page.locator(".stage > .problem")
    await expect(problem).to_contain_text("Nothing is painted yet")
    await stroke(page)
    await expect(problem).to_be_hidden()


async def test_strokes_are_undone_redone_inverted_and_cleared(
    service: Service, visit: Open
) -> None:
    page = await painting(service, visit)
    await stroke(page)
    one = await painted(page)
    await page.button("Undo").click()
    assert (await painted(page), one > 0) == (0, True)
    await page.button("Redo").click()
    assert await painted(page) == one
    await page.button("Invert").click()
    assert abs(await painted(page) - (1 - one)) < 0.01
    await page.button("Clear").click()
    assert await painted(page) == 0
    for _ in range(2):
        await page.button("Undo").click()
    assert await painted(page) == one


async def test_rubbing_out_takes_away(service: Service, visit: Open) -> None:
    page = await painting(service, visit)
    await stroke(page)
    await page.button("Rub out").click()
    await stroke(page)
    assert await painted(page) < 0.001


async def test_keys_paint_without_a_pointer(service: Service, visit: Open) -> None:
    page = await painting(service, visit)
    await page.page.locator(".frame").focus()
    await page.page.keyboard.press("Space")
    one = await painted(page)
    for key in ("Shift+ArrowRight", "Shift+ArrowRight", "Space"):
        await page.page.keyboard.press(key)
    assert 0 < one < await painted(page)
    await page.page.keyboard.press("Control+z")
    assert await painted(page) == one


async def test_brush_paints_where_it_is_after_zooming_in(service: Service, visit: Open) -> None:
    page = await painting(service, visit)
    await stroke(page)
    one = await painted(page)
    await page.button("Clear").click()
    for _ in range(2):
        await page.button("Zoom in").click()
    await stroke(page)
    assert 0 < await painted(page) < one / 3
    await page.run()
    await page.has_done()
    rows, columns = np.nonzero(await changed(page))
    assert abs(rows.mean() - 60) < 8
    assert 75 < columns.mean() < 100


async def test_two_fingers_zoom_and_do_not_paint(service: Service, visit: Open) -> None:
    page = await painting(
        service, visit, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    await page.page.locator(".frame").scroll_into_view_if_needed()
    places = await path_of(
        page.page.locator(".frame"), (0.45, 0.5), (0.55, 0.5), (0.3, 0.5), (0.7, 0.5)
    )
    points = [{"x": x, "y": y, "id": number % 2} for number, (x, y) in enumerate(places)]
    session = await page.page.context.new_cdp_session(page.page)
    before = await page.page.locator(".percent").text_content()
    for kind, touches in (
        ("touchStart", points[:1]),
        ("touchStart", points[:2]),
        ("touchMove", points[2:]),
        ("touchEnd", []),
    ):
        await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    await expect(page.page.locator(".percent")).not_to_have_text(before or "")
    assert await painted(page) == 0


async def test_finger_paints(service: Service, visit: Open) -> None:
    page = await painting(
        service, visit, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    await page.page.locator(".frame").scroll_into_view_if_needed()
    ((x, y),) = await path_of(page.page.locator(".frame"), (0.5, 0.5))
    await page.page.touchscreen.tap(x, y)
    assert await painted(page) > 0


async def test_picked_mask_is_erased_by_its_uuid(service: Service, visit: Open) -> None:
    page = await visit(service)
    await page.choose("Find masks")
    await page.drop({"blob.png": encoded(SCENE)})
    first = page.page.locator(".picking .region").first
    await first.click()
    await expect(first).to_have_attribute("aria-pressed", "true")
    (found,) = json.loads(await page.open_tab("Reply"))["data"]
    await page.button("Erase picked").click()
    assert await painted(page) > 0
    await page.run()
    await expect(page.page.locator("img-comparison-slider")).to_be_visible(timeout=60_000)
    (request,) = json.loads(await page.open_tab("Request"))
    assert request["maskImage"] == found["detections"][0]["maskImageUUID"]


async def test_found_object_is_added_to_what_is_painted(service: Service, visit: Open) -> None:
    page = await painting(service, visit)
    await stroke(page)
    one = await painted(page)
    await page.button("Find objects").click()
    await page.page.locator(".shelf .region").first.click()
    assert await painted(page) > one
