"""The edit endpoints: paths, envelopes, sync and async, the status service, results."""

from __future__ import annotations

import io
import json
import re
import uuid
import zipfile
from typing import Any

import httpx
import numpy as np
import pytest
from integration.edits import (
    ALL_MASKS,
    BLUR,
    CROP,
    CUTOUT,
    ERASE,
    MASKS,
    V2,
    Editor,
    body_for,
    error_of,
    picture,
)
from integration.pictures import data_uri, download, encoded, opened, scene
from integration.service import OTHER_KEY, TENANT, Service
from integration.sources import PictureServer

NEWER = [CROP, BLUR, ERASE]
NEWER_PATHS = [prefix + path for path in NEWER for prefix in ("", V2)] + [V2 + CUTOUT]


@pytest.fixture
def editor(service: Service, http: httpx.AsyncClient) -> Editor:
    return Editor(service, http)


@pytest.fixture
def lan_editor(lan_service: Service, http: httpx.AsyncClient) -> Editor:
    return Editor(lan_service, http)


# Sync


@pytest.mark.parametrize("path", NEWER_PATHS)
async def test_sync_edit_answers_with_the_result(editor: Editor, path: str) -> None:
    answer = await editor.edit(path)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"result", "request_id"}
    assert opened(await download(body["result"]["image_url"])).format == "PNG"


@pytest.mark.parametrize("path", [CUTOUT, f"/v1{CUTOUT}"])
async def test_cutout_of_version_1_answers_in_place(editor: Editor, path: str) -> None:
    answer = await editor.post(path, body_for(path))
    assert set(answer.json()) == {"result_url", "request_id"}
    assert opened(await download(answer.json()["result_url"])).mode == "RGBA"


async def test_both_versions_of_the_cutout_give_the_same(editor: Editor) -> None:
    older = (await editor.edit(CUTOUT)).json()["result_url"]
    newer = (await editor.edit(V2 + CUTOUT)).json()["result"]["image_url"]
    assert await download(older) == await download(newer)


async def test_request_id_is_a_uuid_and_in_a_header(editor: Editor) -> None:
    answer = await editor.edit(CROP)
    assert str(uuid.UUID(answer.json()["request_id"])) == answer.headers["x-request-id"]


async def test_sync_edit_can_be_looked_up_later(editor: Editor) -> None:
    done = (await editor.edit(CROP)).json()
    state = (await editor.status(done["request_id"])).json()
    assert state["status"] == "COMPLETED"


# Async and the status service


@pytest.mark.parametrize("path", [*NEWER, V2 + CUTOUT])
async def test_async_edit_is_promised_and_then_done(editor: Editor, path: str) -> None:
    taken = await editor.submit(path)
    assert set(taken) == {"request_id", "status_url"}
    state = await editor.ended(taken["request_id"])
    assert set(state) == {"status", "request_id", "result"}
    assert (state["status"], state["request_id"]) == ("COMPLETED", taken["request_id"])
    assert opened(await download(state["result"]["image_url"])).size[0] > 0


async def test_status_url_is_absolute_and_leads_to_the_status(editor: Editor) -> None:
    taken = await editor.submit(CROP)
    assert taken["status_url"] == f"{editor.service.url}/v2/status/{taken['request_id']}"


async def test_request_in_work_is_in_progress(lan_editor: Editor, sources: PictureServer) -> None:
    source = sources.gated()
    taken = await lan_editor.submit(CROP, image=source.url)
    await source.asked.wait()
    state = await lan_editor.status(taken["request_id"])
    assert state.json() == {"status": "IN_PROGRESS", "request_id": taken["request_id"]}
    source.open()
    assert (await lan_editor.ended(taken["request_id"]))["status"] == "COMPLETED"


async def test_status_of_a_failed_request_is_200_with_the_error(
    lan_editor: Editor, sources: PictureServer
) -> None:
    taken = await lan_editor.submit(CROP, image=sources.open(status=500).url)
    await lan_editor.ended(taken["request_id"])
    answer = await lan_editor.status(taken["request_id"])
    assert answer.status_code == 200
    state = answer.json()
    assert (state["status"], state["error"]["code"]) == ("ERROR", 460)
    assert "image" in state["error"]["details"]
    assert "result" not in state


async def test_unknown_request_is_404(editor: Editor) -> None:
    error_of(await editor.status(str(uuid.uuid4())), 404)


async def test_request_of_another_tenant_is_404(editor: Editor) -> None:
    taken = await editor.submit(CROP)
    error_of(await editor.status(taken["request_id"], api_token=OTHER_KEY), 404)


async def test_task_of_the_task_array_is_no_request(editor: Editor) -> None:
    task = {
        "taskType": "removeBackground",
        "taskUUID": str(uuid.uuid4()),
        "inputImage": data_uri(encoded(scene())),
    }
    headers = {"Authorization": f"Bearer {editor.token}"}
    await editor.http.post(editor.service.url + "/v1", json=[task], headers=headers)
    error_of(await editor.status(task["taskUUID"]), 404)


# Masks


async def test_all_masks_come_one_by_one_best_first(editor: Editor) -> None:
    masks = (await editor.edit(ALL_MASKS)).json()["result"]["masks"]
    assert [found["id"] for found in masks] == list(range(1, len(masks) + 1))
    confidences = [found["confidence"] for found in masks]
    assert confidences == sorted(confidences, reverse=True)


async def test_mask_is_black_and_white_at_the_pictures_size(editor: Editor) -> None:
    for found in (await editor.edit(ALL_MASKS)).json()["result"]["masks"]:
        drawn = np.asarray(opened(await download(found["mask_url"])))
        assert drawn.shape == (72, 96)
        assert set(np.unique(drawn)) <= {0, 255}
        assert (drawn == 255).sum() == found["area"]


@pytest.mark.parametrize("path", [MASKS, f"/v1{MASKS}"])
async def test_mask_generator_answers_with_an_archive(editor: Editor, path: str) -> None:
    done = (await editor.edit(path)).json()
    assert set(done) == {"objects_masks", "result_url", "request_id"}
    visual_id = done["request_id"].replace("-", "")[:16]
    with zipfile.ZipFile(io.BytesIO(await download(done["objects_masks"]))) as archive:
        names = archive.namelist()
    assert names == [
        *(f"{visual_id}_{place}.png" for place in range(1, len(names))),
        f"{visual_id}_panoptic.png",
    ]


async def test_mask_generator_can_be_polled(editor: Editor) -> None:
    taken = await editor.submit(MASKS)
    state = await editor.ended(taken["request_id"])
    assert set(state["result"]) == {"objects_masks", "result_url"}


async def test_mask_can_be_erased_with(editor: Editor) -> None:
    found = (await editor.edit(ALL_MASKS)).json()["result"]["masks"][0]
    drawn = data_uri(await download(found["mask_url"]))
    assert (await editor.edit(ERASE, mask=drawn, mask_type="automatic")).status_code == 200


# Inputs


async def test_picture_by_url_gives_the_same_as_base64(
    lan_editor: Editor, sources: PictureServer
) -> None:
    by_url = (await lan_editor.edit(CROP, image=sources.open().url)).json()
    inline = (await lan_editor.edit(CROP)).json()
    assert await download(by_url["result"]["image_url"]) == await download(
        inline["result"]["image_url"]
    )


async def test_data_uri_is_taken_for_image_and_mask(editor: Editor) -> None:
    answer = await editor.edit(
        ERASE, image=f"data:image/png;base64,{picture()}", mask=data_uri(encoded(scene()))
    )
    assert answer.status_code == 200, answer.text


async def test_image_url_wins_over_file(lan_editor: Editor, sources: PictureServer) -> None:
    url = sources.open(encoded(scene(200, 100))).url
    answer = await lan_editor.post(CUTOUT, {"image_url": url, "file": picture()})
    assert opened(await download(answer.json()["result_url"])).width > 96


async def test_broken_image_url_is_not_replaced_by_file(
    lan_editor: Editor, sources: PictureServer
) -> None:
    url = sources.open(status=404).url
    answer = await lan_editor.post(CUTOUT, {"image_url": url, "file": picture()})
    assert "image_url" in error_of(answer, 460)["details"]


async def test_unknown_members_and_nulls_are_ignored(editor: Editor) -> None:
    answer = await editor.edit(CROP, seed=7, version=2, padding=None, preserve_alpha=None)
    assert answer.status_code == 200, answer.text


async def test_padding_is_exact(editor: Editor) -> None:
    async def size(**members: Any) -> tuple[int, int]:
        url = (await editor.edit(CROP, **members)).json()["result"]["image_url"]
        return opened(await download(url)).size

    width, height = await size()
    assert await size(padding=11) == (width + 22, height + 22)


# Logs


async def test_every_request_is_logged_once_with_its_id(editor: Editor) -> None:
    done, refused = await editor.edit(CROP), await editor.edit(CROP, padding=-1)
    for answer in (done, refused):
        request_id = answer.headers["x-request-id"]
        (entry,) = [e for e in editor.service.entries() if e.get("request_id") == request_id]
        assert (entry["endpoint"], entry["tenant"]) == ("crop_foreground", TENANT)
        assert entry["status"] == answer.status_code


async def test_task_of_a_request_is_logged_under_its_id(editor: Editor) -> None:
    request_id = (await editor.edit(CROP)).json()["request_id"]
    (entry,) = [e for e in editor.service.entries() if e.get("task_uuid") == request_id]
    assert entry["message"] == "task done"


async def test_token_and_picture_stay_out_of_the_log(editor: Editor) -> None:
    await editor.edit(CROP)
    await editor.post(CROP, body_for(CROP), headers={"api_token": "secret-wrong-token"})
    log = json.dumps(editor.service.entries())
    assert not re.search(rf"{editor.token}|secret-wrong-token|{picture()[:40]}", log)
