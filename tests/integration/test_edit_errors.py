"""Every status of the edit endpoints, each with a request that produces it."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from integration.conftest import StartService
from integration.edits import (
    BLUR,
    CROP,
    CUTOUT,
    ERASE,
    V2,
    Editor,
    body_for,
    error_of,
    mask,
    picture,
)
from integration.pictures import base64_of, encoded, opened, scene
from integration.service import KEY, ROOT, TENANT, Service
from integration.sources import PictureServer
from models import graph_like
from msgspec.structs import replace
from PIL import Image

from inference.models import Row
from server.signing import SKEW_S, UrlSigner, load_secret

JSON = {"Content-Type": "application/json"}
PATHS = [CROP, BLUR, ERASE, CUTOUT, V2 + CUTOUT]


@pytest.fixture
def editor(service: Service, http: httpx.AsyncClient) -> Editor:
    return Editor(service, http)


@pytest.fixture
def lan_editor(lan_service: Service, http: httpx.AsyncClient) -> Editor:
    return Editor(lan_service, http)


def file_of(kind: str) -> str:
    """The blob in some format of Pillow's."""
    out = io.BytesIO()
    scene().save(out, kind)
    return base64_of(out.getvalue())


def heavy(size_bytes: int) -> str:
    """A PNG that is padded behind its end."""
    data = encoded(scene())
    return base64_of(data + bytes(size_bytes - len(data)))


# 400


@pytest.mark.parametrize("text", [b"{", b'{"image": ', b"\xff\xfe", b"[]", b'"x"', b"null", b"1"])
async def test_body_that_is_no_json_object_is_400(editor: Editor, text: bytes) -> None:
    error_of(await editor.post(CROP, content=text, headers=JSON), 400)


async def test_encoded_body_is_400(editor: Editor) -> None:
    headers = JSON | {"Content-Encoding": "gzip"}
    error_of(await editor.post(CROP, content=b"{}", headers=headers), 400)


# 401


@pytest.mark.parametrize("path", PATHS)
async def test_missing_token_is_401(service: Service, http: httpx.AsyncClient, path: str) -> None:
    answer = await http.post(service.url + path, json=body_for(path))
    assert "api_token" in error_of(answer, 401)["details"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", ["", "wrong", "é".encode()])
async def test_wrong_token_is_401_whatever_the_body(
    editor: Editor, path: str, token: str | bytes
) -> None:
    error_of(await editor.post(path, content=b"{", headers={"api_token": token}), 401)


async def test_status_without_a_token_is_401(service: Service, http: httpx.AsyncClient) -> None:
    error_of(await http.get(f"{service.url}/v2/status/x"), 401)


async def test_name_of_the_token_header_is_case_insensitive(
    service: Service, http: httpx.AsyncClient
) -> None:
    answer = await http.get(f"{service.url}/v2/status/x", headers={"API_TOKEN": KEY})
    error_of(answer, 404)


async def test_guessing_is_429_and_a_right_token_still_works(
    start_service: StartService, http: httpx.AsyncClient
) -> None:
    editor = Editor(start_service(settings={"limits__wrong_keys_per_minute": 2}), http)
    statuses = [
        (await editor.post(CROP, {}, headers={"api_token": "wrong"})).status_code for _ in range(4)
    ]
    assert statuses == [401, 401, 429, 429]
    error_of(await editor.post(CROP, {}), 422)


# 403


async def test_token_that_does_not_allow_the_endpoint_is_403(
    start_service: StartService, http: httpx.AsyncClient
) -> None:
    service = start_service()
    command = [sys.executable, "-m", "server.cli", "keys", "create", "--tenant", TENANT]
    command += ["--tasks", "imageErase", "--data-dir", str(service.data_dir)]
    made = await asyncio.to_thread(subprocess.check_output, command, cwd=ROOT, text=True)
    editor = Editor(service, http, made.strip())
    error = error_of(await editor.edit(CROP), 403)
    assert error["details"] == (
        "endpoint: This API key does not allow imageForegroundCrop; allowed: imageErase."
    )
    assert (await editor.edit(ERASE)).status_code == 200


# 404, 405


@pytest.mark.parametrize(
    "path", ["/nothing", V2, f"{V2}/no_such_edit", "/v1/nothing", "/v2/status"]
)
async def test_unknown_path_is_404(editor: Editor, path: str) -> None:
    error_of(await editor.post(path, {}), 404)


async def test_other_method_is_405(editor: Editor) -> None:
    answer = await editor.http.get(editor.service.url + CROP)
    error_of(answer, 405)
    assert answer.headers["allow"] == "POST"


# 413


@pytest.mark.parametrize(("path", "member"), [(CROP, "image"), (CUTOUT, "file"), (ERASE, "mask")])
async def test_image_over_12_mb_is_413_and_named(editor: Editor, path: str, member: str) -> None:
    answer = await editor.post(path, body_for(path) | {member: heavy(12_000_001)})
    assert member in error_of(answer, 413)["details"]


async def test_image_of_12_mb_is_taken(editor: Editor) -> None:
    assert (await editor.edit(CUTOUT, file=heavy(12_000_000))).status_code == 200


async def test_download_over_12_mb_is_413(lan_editor: Editor, sources: PictureServer) -> None:
    url = sources.open(bytes(12_000_001)).url
    error = error_of(await lan_editor.post(CUTOUT, {"image_url": url}), 413)
    assert "image_url" in error["details"]


async def test_body_over_16_mib_is_413(editor: Editor) -> None:
    text = b" " * (16 * 1024 * 1024 + 1)
    error_of(await editor.post(CROP, content=text, headers=JSON), 413)


async def test_body_that_promises_to_be_far_too_large_is_413_at_once(editor: Editor) -> None:
    host, port = editor.service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /erase HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
    head, _, text = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 413 ")
    body = json.loads(text)
    assert body["error"]["code"] == 413
    assert body["request_id"]


async def test_picture_with_too_many_pixels_is_413(editor: Editor) -> None:
    huge = base64_of(encoded(Image.new("1", (16_385, 1))))
    error_of(await editor.edit(CROP, image=huge), 413)


# 415


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("path", [CROP, CUTOUT])
async def test_other_format_is_415_and_named(editor: Editor, path: str, kind: str) -> None:
    member = "file" if path == CUTOUT else "image"
    error = error_of(await editor.edit(path, **{member: file_of(kind)}), 415)
    assert member in error["details"]
    assert kind in error["details"]


async def test_other_format_is_415_before_the_202(editor: Editor) -> None:
    error_of(await editor.post(CROP, {"image": file_of("GIF")}), 415)


async def test_unreadable_mask_is_415(editor: Editor) -> None:
    error = error_of(await editor.edit(ERASE, mask=base64_of(b"no mask at all" * 30)), 415)
    assert "mask" in error["details"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_body_that_does_not_say_json_is_415(editor: Editor, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    error_of(await editor.post(CROP, content=b"{}", headers=headers), 415)


async def test_multipart_body_is_415(editor: Editor) -> None:
    files = {"image": ("a.png", encoded(scene()), "image/png")}
    error_of(await editor.post(CROP, files=files), 415)


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_be_said_in_several_ways(editor: Editor, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    error_of(await editor.post(CROP, content=b"{}", headers=headers), 422)


# 422


@pytest.mark.parametrize(
    ("path", "members", "named"),
    [
        (CROP, {"image": None}, "image"),
        (CROP, {"image": ""}, "image"),
        (CROP, {"image": 5}, "image"),
        (CROP, {"image": "!!!"}, "image"),
        (CROP, {"image": "/etc/passwd"}, "image"),
        (CROP, {"padding": -1}, "padding"),
        (CROP, {"padding": 10**9}, "padding"),
        (CROP, {"preserve_alpha": "maybe"}, "preserve_alpha"),
        (CROP, {"force_background_detection": 1}, "force_background_detection"),
        (CROP, {"sync": 1}, "sync"),
        (CROP, {"webhook_url": "ftp://example.com"}, "webhook_url"),
        (BLUR, {"scale": 0}, "scale"),
        (BLUR, {"scale": 6}, "scale"),
        (ERASE, {"mask": None}, "mask"),
        (ERASE, {"mask": ""}, "mask"),
        (ERASE, {"mask": mask(10, 30)}, "mask"),
        (ERASE, {"mask_type": "magic"}, "mask_type"),
        (CUTOUT, {"file": None}, "image_url"),
        (CUTOUT, {"file": "!!!"}, "file"),
        (CUTOUT, {"force_rmbg": "yes"}, "force_rmbg"),
        (CUTOUT, {"content_moderation": "yes"}, "content_moderation"),
        (V2 + CUTOUT, {"visual_input_content_moderation": 1}, "visual_input_content_moderation"),
    ],
)
async def test_wrong_member_is_422_and_named(
    editor: Editor, path: str, members: dict[str, Any], named: str
) -> None:
    error = error_of(await editor.post(path, body_for(path, sync=True) | members), 422)
    assert named in error["details"]


async def test_mask_of_another_ratio_is_422_with_both_sizes(editor: Editor) -> None:
    details = error_of(await editor.edit(ERASE, mask=mask(10, 30)), 422)["details"]
    assert all(side in details for side in ("10", "30", "96", "72"))


async def test_repeated_key_is_422(editor: Editor) -> None:
    text = b'{"image": "AAAA", "image": "BBBB"}'
    error = error_of(await editor.post(CROP, content=text, headers=JSON), 422)
    assert "image" in error["details"]


async def test_truncated_picture_is_422(editor: Editor) -> None:
    data = encoded(scene(), "JPG")
    error_of(await editor.edit(CROP, image=base64_of(data[: len(data) // 2])), 422)


async def test_picture_without_foreground_is_422(editor: Editor) -> None:
    empty = base64_of(encoded(Image.new("RGBA", (64, 64))))
    error_of(await editor.edit(CROP, image=empty), 422)


async def test_wrong_request_is_refused_before_the_202(editor: Editor) -> None:
    error_of(await editor.post(CROP, {"image": picture(), "padding": -1}), 422)


# 429


async def test_too_many_requests_are_429_and_say_when_to_come_back(
    start_service: StartService, http: httpx.AsyncClient
) -> None:
    editor = Editor(start_service(settings={"edits__requests_per_minute": 2}), http)
    for _ in range(2):
        error_of(await editor.post(CROP, {}), 422)
    answer = await editor.post(CROP, {})
    error_of(answer, 429)
    assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_full_queue_of_a_tenant_is_429(
    start_service: StartService, http: httpx.AsyncClient
) -> None:
    service = start_service(settings={"engine__max_async_queued_per_tenant": 0})
    answer = await Editor(service, http).post(CROP, body_for(CROP))
    error_of(answer, 429)


# 460


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x.png",
        "http://10.0.0.1/x.png",
        "http://[::1]/x.png",
        "file:///etc/passwd",
        "ftp://example.com/x.png",
        "http://user@example.com/x.png",
    ],
)
@pytest.mark.parametrize(("path", "member"), [(CROP, "image"), (CUTOUT, "image_url")])
async def test_forbidden_address_is_460_at_once_and_named(
    editor: Editor, path: str, member: str, url: str
) -> None:
    error = error_of(await editor.post(path, body_for(path) | {member: url}), 460)
    assert member in error["details"]


@pytest.mark.parametrize("status", [404, 500])
async def test_failed_download_is_460(
    lan_editor: Editor, sources: PictureServer, status: int
) -> None:
    error_of(await lan_editor.edit(CROP, image=sources.open(status=status).url), 460)


async def test_mask_that_cannot_be_downloaded_is_460_and_named(
    lan_editor: Editor, sources: PictureServer
) -> None:
    error = error_of(await lan_editor.edit(ERASE, mask=sources.open(status=500).url), 460)
    assert "URL in mask" in error["details"]


# 5XX


@pytest.mark.parametrize(
    ("path", "switch"),
    [
        (CROP, "visual_input_content_moderation"),
        (CROP, "visual_output_content_moderation"),
        (CUTOUT, "content_moderation"),
    ],
)
async def test_moderation_that_is_not_configured_is_501_never_ignored(
    editor: Editor, path: str, switch: str
) -> None:
    error = error_of(await editor.edit(path, **{switch: True}), 501)
    assert switch in error["details"]


async def test_model_that_answers_nonsense_is_500(
    start_service: StartService, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    row = Row(name="odd", task="inpaint", file="odd.onnx", size=(8, 8))
    one_plane = graph_like(replace(row, task="segment"))
    (tmp_path / row.file).write_bytes(one_plane)
    settings = {
        "models__rows": json.dumps([msgspec.to_builtins(row)]),
        "models__read_only": json.dumps([str(tmp_path)]),
        "models__inpaint": row.name,
    }
    error_of(await Editor(start_service(settings=settings), http).edit(ERASE), 500)


async def test_full_service_is_503(start_service: StartService, http: httpx.AsyncClient) -> None:
    editor = Editor(start_service(settings={"engine__max_queued": 0}), http)
    error_of(await editor.edit(CROP), 503)


async def test_task_that_takes_too_long_is_504(
    start_service: StartService, http: httpx.AsyncClient
) -> None:
    editor = Editor(start_service(settings={"limits__task_s": 1e-6}), http)
    error_of(await editor.edit(CROP), 504)


# Result URLs


async def test_result_url_lives_an_hour_and_needs_no_token(editor: Editor) -> None:
    url = (await editor.edit(CROP)).json()["result"]["image_url"]
    answer = await editor.http.get(url)
    life_s = int(answer.headers["cache-control"].partition("max-age=")[2].partition(",")[0])
    assert 3500 < life_s <= 3600
    assert opened(answer.content).mode == "RGBA"


async def test_result_url_expires(start_service: StartService, http: httpx.AsyncClient) -> None:
    service = start_service(settings={"lives__url_s": 1})
    url = urlsplit((await Editor(service, http).edit(CROP)).json()["result"]["image_url"])
    assert int(parse_qs(url.query)["exp"][0]) <= time.time() + 1
    then = UrlSigner((load_secret(service.data_dir),), clock=lambda: time.time() - SKEW_S - 2)
    assert (await http.get(service.url + then.sign(url.path, 1))).status_code == 404
