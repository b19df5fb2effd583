"""Replies of imageMasking: the mask under its own names, the regions beside it."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fakes import STREAM, TENANT, product_of, uuid_of
from msgspec.structs import replace

from inference.stores import Store, StoreSettings, open_store
from protocol.errors import StorageUnavailable
from protocol.jobs import Job, Outcome, StoredImage
from protocol.results import BoundingBox, Detection
from protocol.tasks import ImageMasking, RemoveBackground
from server.replier import Replier
from server.signing import UrlSigner

BASE = "http://cutwire.test"
FOUND = Detection(
    mask_image_uuid=uuid_of(7),
    bounding_box=BoundingBox(x_min=1, y_min=2, x_max=3, y_max=4),
    confidence=0.5,
    area=4,
)
PRODUCT = replace(product_of(), detections=[FOUND])


@pytest.fixture
def store() -> Store:
    return open_store(StoreSettings(kind="memory"), Path())


def done(kind: Any, **fields: Any) -> Outcome:
    job = Job(
        tenant=TENANT,
        task=kind(task_uuid=uuid_of(1), input_image="", **fields),
        images={"inputImage": StoredImage(key="in/0/1", image_uuid=uuid_of(5))},
        reply_to=STREAM,
        submitted_at=0,
        deadline_at=60,
    )
    return Outcome(job=job, product=PRODUCT)


async def reply(store: Store, kind: Any = ImageMasking, **fields: Any) -> dict[str, Any]:
    await store.put(PRODUCT.key, b"png", "image/png")
    with ThreadPoolExecutor(1) as threads:
        replier = Replier(store, UrlSigner((b"s" * 32,)), threads, url_life_s=60)
        made = await replier.reply(done(kind, **fields), BASE)
    answer: dict[str, Any] = json.loads(made.frame)["data"][0]
    return answer


async def test_mask_has_a_uuid_and_a_url_of_its_own_name(store: Store) -> None:
    answer = await reply(store)
    assert answer["maskImageUUID"] == PRODUCT.image_uuid
    assert answer["maskImageURL"].startswith(f"{BASE}/im/")
    assert not {"imageUUID", "imageURL"} & set(answer)


@pytest.mark.parametrize(
    ("output_type", "name", "value"),
    [
        ("base64Data", "maskImageBase64Data", base64.b64encode(b"png").decode()),
        ("dataURI", "maskImageDataURI", "data:image/png;base64,cG5n"),
    ],
)
async def test_mask_may_come_inside_the_reply(
    store: Store, output_type: str, name: str, value: str
) -> None:
    answer = await reply(store, output_type=output_type)
    assert answer[name] == value
    assert "maskImageURL" not in answer


async def test_each_region_tells_its_box_certainty_area_and_mask(store: Store) -> None:
    assert (await reply(store))["detections"] == [
        {
            "maskImageUUID": uuid_of(7),
            "boundingBox": {"xMin": 1, "yMin": 2, "xMax": 3, "yMax": 4},
            "confidence": 0.5,
            "area": 4,
        }
    ]


async def test_an_uploaded_input_is_named(store: Store) -> None:
    assert (await reply(store))["inputImageUUID"] == uuid_of(5)


async def test_other_tasks_tell_of_no_regions(store: Store) -> None:
    answer = await reply(store, RemoveBackground)
    assert "detections" not in answer
    assert answer["imageUUID"] == PRODUCT.image_uuid


class SilentStore:
    """Takes blobs and gives none."""

    async def put(self, key: str, data: bytes, media_type: str) -> None:
        pass

    async def get(self, key: str) -> bytes:
        raise StorageUnavailable("the store does not answer; try again later")


async def test_stream_goes_on_though_the_store_of_a_result_does_not_answer() -> None:
    with ThreadPoolExecutor(1) as threads:
        replier = Replier(SilentStore(), UrlSigner((b"s" * 32,)), threads, url_life_s=60)
        made = await replier.pushed(
            done(RemoveBackground, output_type="base64Data"), BASE, is_polled=False
        )
    (error,) = json.loads(made.frame)["errors"]
    assert (error["code"], error["taskUUID"]) == ("storageUnavailable", uuid_of(1))
    assert "getResponse" in error["message"]
