"""Pictures in, results out: by drop, paste and choice, in every format, for every task."""

from __future__ import annotations

import json

import pytest
from browser.conftest import Open
from integration.pictures import encoded, scene
from integration.service import Service
from playwright.async_api import expect

SIZE = (160, 120)
PICTURE = encoded(scene(*SIZE))
FORMATS = {"PNG": "PNG", "JPG": "JPEG", "WEBP": "WEBP"}


@pytest.mark.smoke
async def test_dropped_picture_comes_back_cut_out(service: Service, visit: Open) -> None:
    page = await visit(service)
    await page.drop({"blob.png": PICTURE})
    await page.has_done()
    result = await page.download()
    assert (result.size, result.mode) == (SIZE, "RGBA")
    assert [result.getpixel(place)[3] for place in ((2, 2), (80, 64))] == [0, 255]


async def test_pasted_picture_is_taken(service: Service, visit: Open) -> None:
    page = await visit(service)
    await page.paste("pasted.png", PICTURE)
    await page.has_done()


async def test_sample_is_cut_out(service: Service, visit: Open) -> None:
    page = await visit(service)
    await page.button("Try with a sample").click()
    await page.has_done()
    assert await page.result_size() == (960, 720)


async def test_many_at_once_each_get_their_own_result(service: Service, visit: Open) -> None:
    page = await visit(service)
    sizes = {f"{side}.png": (side, side - 20) for side in range(80, 200, 10)}
    await page.pick({name: encoded(scene(*size)) for name, size in sizes.items()})
    await page.has_done(len(sizes))
    for name, size in list(sizes.items())[::4]:
        await page.page.locator(f".thumb-pick[title^='{name}']").click()
        assert await page.result_size() == size


@pytest.mark.parametrize("kind", FORMATS)
async def test_result_of_each_format_decodes_in_the_browser(
    service: Service, visit: Open, kind: str
) -> None:
    page = await visit(service)
    await page.open_more()
    await page.choose(kind)
    await page.drop({"blob.png": PICTURE})
    await page.has_done()
    assert await page.result_size() == SIZE
    assert (await page.download()).format == FORMATS[kind]


@pytest.mark.parametrize("way", ["Base64", "Data URI"])
async def test_result_inside_the_reply_is_shown(service: Service, visit: Open, way: str) -> None:
    page = await visit(service)
    await page.open_more()
    await page.choose(way)
    await page.drop({"blob.png": PICTURE})
    await page.has_done()
    assert await page.result_size() == SIZE


async def test_crop_is_as_large_as_the_subject_and_its_padding(
    service: Service, visit: Open
) -> None:
    page = await visit(service)
    await page.choose("Crop")
    await page.drop({"blob.png": PICTURE})
    await page.has_done()
    width, height = await page.result_size()
    await page.set("padding", "12")
    await page.run()
    await expect(page.page.locator(".facts")).to_contain_text(f"{width + 24} × {height + 24}")


@pytest.mark.parametrize("task", ["Product", "Blur", "Find masks"])
async def test_other_tasks_have_a_result(service: Service, visit: Open, task: str) -> None:
    page = await visit(service)
    await page.choose(task)
    await page.drop({"blob.png": PICTURE})
    await page.has_done()


async def test_request_and_reply_can_be_read(service: Service, visit: Open) -> None:
    page = await visit(service)
    await page.drop({"blob.png": PICTURE})
    await page.has_done()
    (request,) = json.loads(await page.open_tab("Request"))
    (reply,) = json.loads(await page.open_tab("Reply"))["data"]
    assert request["taskType"] == "removeBackground"
    assert request["taskUUID"] == reply["taskUUID"]
    assert f"${reply['cost']}" == await page.page.locator("#spent").inner_text()


async def test_result_can_be_worked_on_again(service: Service, visit: Open) -> None:
    page = await visit(service)
    await page.drop({"blob.png": PICTURE})
    await page.has_done()
    (reply,) = json.loads(await page.open_tab("Reply"))["data"]
    await page.button("Go on with the result").click()
    await page.choose("Crop")
    await page.run()
    await page.has_done(2)
    (request,) = json.loads(await page.open_tab("Request"))
    assert request["inputImage"] == reply["imageUUID"]
