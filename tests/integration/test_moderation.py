"""Moderation of the real service, with a generated classifier that refuses light pictures."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.pictures import scene_uri
from integration.service import KEY, Service
from integration.tasks import removal
from models import graph_like
from PIL import Image
from pybase64 import b64encode

from inference.models import Row

JUDGE = Row(
    name="judge",
    task="classify",
    file="judge.onnx",
    layout="NHWC",
    size=(8, 8),
    labels=("dark", "grey", "bright"),
)
BOTH = {"checkInputs": True, "checkContent": True}


@pytest.fixture(scope="module")
def moderated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that refuses what is nearly white."""
    folder = tmp_path_factory.mktemp("moderated")
    service = Service(folder, settings=settings_of(folder))
    yield service
    service.stop()
    assert service.defects() == []


def settings_of(folder: Path) -> dict[str, str]:
    (folder / JUDGE.file).write_bytes(graph_like(JUDGE))
    row = {
        name: getattr(JUDGE, name) for name in ("name", "task", "file", "layout", "size", "labels")
    }
    return {
        "models__rows": json.dumps([row]),
        "models__read_only": json.dumps([str(folder)]),
        "moderation__provider": "onnx-classifier",
        "moderation__model": "judge",
        "moderation__thresholds": json.dumps({"bright": 0.5}),
    }


def plain_uri(grey: int) -> str:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (grey, grey, grey)).save(file, "PNG")
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()


async def test_harmless_picture_passes_both_checks(moderated, connect) -> None:
    client = await connect(moderated)

    reply = await client.run(removal(plain_uri(10), safety=BOTH, rgba=[0, 0, 0, 255]))

    assert "imageURL" in reply


async def test_refused_input_names_its_field(moderated, connect) -> None:
    client = await connect(moderated)

    error = await client.run(removal(plain_uri(255), safety={"checkInputs": True}))

    assert (error["code"], error["parameter"]) == ("contentPolicyViolation", "inputImage")


async def test_refused_result_names_no_field_and_is_not_stored(moderated, connect) -> None:
    client = await connect(moderated)
    before = stored_results(moderated)

    error = await client.run(
        removal(plain_uri(10), rgba=[255, 255, 255, 255], safety={"checkContent": True})
    )

    assert error["code"] == "contentPolicyViolation"
    assert "parameter" not in error
    assert stored_results(moderated) == before


async def test_tolerated_picture_is_delivered_and_flagged(moderated, connect) -> None:
    client = await connect(moderated)

    reply = await client.run(removal(plain_uri(255), safety=BOTH | {"tolerance": True}))

    assert reply["NSFWContent"] is True
    assert "imageURL" in reply


async def test_flag_of_a_picture_is_kept_for_whoever_polls(moderated, connect) -> None:
    client = await connect(moderated)
    task = removal(plain_uri(255), safety={"checkInputs": True, "tolerance": True})
    await client.run(task)

    reply = await client.run({"taskType": "getResponse", "taskUUID": task["taskUUID"]})

    assert reply["NSFWContent"] is True


async def test_harmless_picture_is_not_flagged(moderated, connect) -> None:
    client = await connect(moderated)

    judged = await client.run(removal(plain_uri(10), safety={"checkInputs": True}))
    unasked = await client.run(removal(plain_uri(10)))

    assert judged["NSFWContent"] is False
    assert "NSFWContent" not in unasked


@pytest.mark.parametrize("mode", ["fast", "full"])
async def test_mode_alone_has_the_result_judged(moderated, connect, mode) -> None:
    client = await connect(moderated)

    error = await client.run(
        removal(plain_uri(10), rgba=[255, 255, 255, 255], safety={"mode": mode})
    )

    assert error["code"] == "contentPolicyViolation"
    assert "parameter" not in error


async def test_mode_none_with_a_check_is_refused(moderated, connect) -> None:
    client = await connect(moderated)

    error = await client.run(removal(plain_uri(10), safety=BOTH | {"mode": "none"}))

    assert (error["code"], error["parameter"]) == ("invalidMode", "safety.mode")


async def test_nothing_is_judged_that_nobody_asked_for(moderated, connect) -> None:
    client = await connect(moderated)

    reply = await client.run(removal(plain_uri(255), safety={"checkInputs": False}))

    assert "imageURL" in reply


@pytest.mark.parametrize(
    ("path", "field", "switch"),
    [
        ("/v2/image/edit/crop_foreground", "image", "visual_input_content_moderation"),
        ("/v2/image/edit/blur_background", "image", "visual_input_content_moderation"),
        ("/v1/product/cutout", "file", "content_moderation"),
    ],
)
async def test_edit_of_a_refused_input_names_its_field(
    moderated, http, path, field, switch
) -> None:
    body = {field: plain_uri(255), switch: True, "sync": True}

    reply = await http.post(moderated.url + path, json=body, headers={"api_token": KEY})

    assert reply.status_code == 422
    assert field in reply.json()["error"]["details"]


async def test_edit_of_a_refused_result_says_so(moderated, http) -> None:
    body = {"image": plain_uri(255), "visual_output_content_moderation": True, "sync": True}

    reply = await http.post(
        f"{moderated.url}/v2/image/edit/blur_background", json=body, headers={"api_token": KEY}
    )

    assert reply.status_code == 422
    assert "result" in reply.json()["error"]["details"]


async def test_without_moderation_a_task_that_asks_for_it_is_refused(service, connect) -> None:
    client = await connect(service)

    error = await client.run(removal(scene_uri(), safety=BOTH))

    assert (error["code"], error["parameter"]) == ("moderationUnavailable", "safety")


async def test_without_moderation_an_edit_that_asks_for_it_is_501(service, http) -> None:
    body = {"image": scene_uri(), "visual_output_content_moderation": True}

    reply = await http.post(
        f"{service.url}/v2/image/edit/crop_foreground", json=body, headers={"api_token": KEY}
    )

    assert reply.status_code == 501
    assert "visual_output_content_moderation" in reply.json()["error"]["details"]


def stored_results(service: Service) -> set[Path]:
    return {path for path in service.data_dir.rglob("*") if path.is_file() and "out" in path.parts}
