"""What goes wrong is said where it can be mended."""

from __future__ import annotations

import pytest
from browser.conftest import Open
from integration.pictures import encoded, scene
from integration.service import KEY, Service
from playwright.async_api import expect

PICTURE = encoded(scene(160, 120))


@pytest.mark.smoke
async def test_error_is_shown_at_the_field_that_it_names(service: Service, visit: Open) -> None:
    page = await visit(service)
    await page.choose("Blur")
    await page.set("scale", "9")
    await page.drop({"blob.png": PICTURE})
    await page.has_failed()
    field = page.page.locator("[data-field=scale]")
    await expect(field.locator(".problem")).to_contain_text("scale must be")
    await expect(field.locator("input[type=number]")).to_have_attribute("aria-invalid", "true")
    await expect(page.page.locator(".failure strong")).to_have_text("invalidScale")


async def test_mended_field_runs_again(service: Service, visit: Open) -> None:
    page = await visit(service)
    await page.choose("Blur")
    await page.set("scale", "9")
    await page.drop({"blob.png": PICTURE})
    await page.has_failed()
    await page.set("scale", "2")
    await expect(page.page.locator("[data-field=scale] .problem")).to_be_hidden()
    await page.button("Try again").click()
    await page.has_done()


async def test_field_with_an_error_is_unfolded(service: Service, visit: Open) -> None:
    page = await visit(service)
    await page.open_more()
    await page.set("ttl", "5")
    await page.open_more()
    await page.drop({"blob.png": PICTURE})
    await expect(page.page.locator("[data-field=ttl] .problem")).to_be_visible()


async def test_file_that_is_no_picture_is_named(service: Service, visit: Open) -> None:
    page = await visit(service)
    await page.drop({"notes.png": b"no picture", "blob.png": PICTURE})
    await expect(page.page.locator(".toast")).to_contain_text("notes.png")
    await page.has_done()


async def test_unknown_key_is_asked_for_again(service: Service, visit: Open) -> None:
    page = await visit(service, key=None)
    dialog = page.page.get_by_role("dialog")
    await dialog.get_by_label("Key", exact=True).fill("wrong")
    await page.button("Connect").click()
    await expect(dialog.locator(".problem")).to_be_visible()
    await dialog.get_by_label("Key", exact=True).fill(KEY)
    await page.button("Connect").click()
    await page.is_online()
    await expect(dialog).to_be_hidden()


async def test_key_is_kept_for_the_tab_alone_unless_asked(service: Service, visit: Open) -> None:
    page = await visit(service)
    assert "key=" not in page.page.url
    await page.page.reload()
    await page.is_online()
    other = await page.page.context.new_page()
    await other.goto(page.url)
    await expect(other.get_by_role("dialog")).to_be_visible()


async def test_key_is_remembered_where_asked(service: Service, visit: Open) -> None:
    page = await visit(service, key=None)
    dialog = page.page.get_by_role("dialog")
    await dialog.get_by_label("Key", exact=True).fill(KEY)
    await dialog.get_by_label("Remember it on this device").check()
    await page.button("Connect").click()
    await page.is_online()
    other = await page.page.context.new_page()
    await other.goto(page.url)
    await expect(other.locator("#status")).to_have_attribute("data-state", "online")
