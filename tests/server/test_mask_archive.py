"""The archive of masks: its files, and the map of which pixel is whose."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fakes import product_of, uuid_of
from PIL import Image

from inference.coding import PictureLimits, encode_mask
from inference.stores import Store, StoreSettings, open_store
from protocol.errors import TaskNotFound
from protocol.jobs import Product
from protocol.results import BoundingBox, Detection
from server.mask_archive import MaskArchive, pack_masks

REQUEST = "c0de2f1e-7a39-4a55-9b1c-0123456789ab"
VISUAL = "c0de2f1e7a394a55"


def mask(*rows: str) -> bytes:
    """A PNG from drawings: `#` is white."""
    pixels = [[255 if char == "#" else 0 for char in row] for row in rows]
    return encode_mask(np.array(pixels, np.uint8), format="PNG", quality=95)


WHOLE = mask("####", "####", "####", "####")
CORNER = mask("##..", "##..", "....", "....")


def unpacked(archive: bytes) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        return {
            name: np.asarray(Image.open(io.BytesIO(files.read(name)))) for name in files.namelist()
        }


def packed(*masks: bytes) -> dict[str, np.ndarray]:
    return unpacked(pack_masks("v", masks, (4, 4), PictureLimits()))


def test_masks_are_numbered_from_1() -> None:
    assert sorted(packed(WHOLE, CORNER)) == ["v_1.png", "v_2.png", "v_panoptic.png"]


def test_mask_is_packed_as_it_is() -> None:
    assert packed(CORNER)["v_1.png"].tolist() == [[255, 255, 0, 0]] * 2 + [[0] * 4] * 2


def test_map_holds_the_number_of_each_pixels_mask_and_0_elsewhere() -> None:
    assert packed(CORNER)["v_panoptic.png"].tolist() == [[1, 1, 0, 0]] * 2 + [[0] * 4] * 2


@pytest.mark.parametrize(
    ("masks", "corner", "rest"), [((WHOLE, CORNER), 2, 1), ((CORNER, WHOLE), 1, 2)]
)
def test_smaller_mask_is_seen_where_masks_overlap(
    masks: tuple[bytes, bytes], corner: int, rest: int
) -> None:
    panoptic = packed(*masks)["v_panoptic.png"]
    assert (panoptic[0, 0], panoptic[3, 3]) == (corner, rest)


def test_archive_without_masks_has_an_empty_map() -> None:
    assert packed()["v_panoptic.png"].tolist() == [[0] * 4] * 4


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(StoreSettings(kind="memory"), tmp_path)


@pytest.fixture
def archive(store: Store) -> Iterator[MaskArchive]:
    with ThreadPoolExecutor(1) as threads:
        yield MaskArchive(store, threads, PictureLimits())


def result_with(*masks: str) -> Product:
    box = BoundingBox(x_min=0, y_min=0, x_max=2, y_max=2)
    found = [Detection(mask_image_uuid=m, bounding_box=box, confidence=0.9, area=4) for m in masks]
    return msgspec.structs.replace(product_of(), detections=found)


async def test_archive_lies_beside_its_masks(store: Store, archive: MaskArchive) -> None:
    product = result_with(uuid_of(1))
    await store.put(product.masks[0].key, CORNER, "image/png")
    made = await archive.make(REQUEST, product)
    assert made.key.rpartition("/")[0] == product.key.rpartition("/")[0]
    assert f"{VISUAL}_1.png" in unpacked(await store.get(made.key))


async def test_archive_is_made_once(store: Store, archive: MaskArchive) -> None:
    product = result_with(uuid_of(1))
    await store.put(product.masks[0].key, CORNER, "image/png")
    first = await archive.make(REQUEST, product)
    await store.delete(product.masks[0].key)
    assert await archive.make(REQUEST, product) == first


async def test_expired_masks_are_told(archive: MaskArchive) -> None:
    with pytest.raises(TaskNotFound):
        await archive.make(REQUEST, result_with(uuid_of(1)))
