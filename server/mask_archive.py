"""All masks of a picture in one ZIP file: each mask, and a map that shows which pixel is whose."""

from __future__ import annotations

import io
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from inference.coding import PictureLimits, decode, encode_mask
from inference.stores import BlobNotFound, Store
from inference.threads import on_thread
from protocol.errors import TaskNotFound
from protocol.jobs import Product

MEDIA_TYPE = "application/zip"


class MaskArchive:
    """Packs the masks of a result, and keeps the archive beside them as long as they live."""

    def __init__(self, store: Store, threads: ThreadPoolExecutor, limits: PictureLimits) -> None:
        self._store = store
        self._threads = threads
        self._limits = limits

    async def make(self, request_id: str, product: Product) -> Product:
        """Return the archive of a result; raises TaskNotFound where the masks have expired."""
        name = str(uuid.uuid5(uuid.UUID(product.image_uuid), "masks"))
        key = product.key.removesuffix(product.image_uuid) + name
        try:
            size_bytes = len(await self._store.get(key))
        except BlobNotFound:
            size_bytes = await self._pack(key, request_id, product)
        return Product(
            image_uuid=name,
            key=key,
            media_type=MEDIA_TYPE,
            width=product.width,
            height=product.height,
            size_bytes=size_bytes,
        )

    async def _pack(self, key: str, request_id: str, product: Product) -> int:
        try:
            masks = [await self._store.get(mask.key) for mask in product.masks]
        except BlobNotFound as exc:
            raise TaskNotFound("The masks have expired; send the picture again.") from exc
        visual_id = request_id.replace("-", "")[:16]
        shape = (product.height, product.width)
        archive = await on_thread(self._threads, pack_masks, visual_id, masks, shape, self._limits)
        await self._store.put(key, archive, MEDIA_TYPE)
        return len(archive)


def pack_masks(
    visual_id: str, masks: Sequence[bytes], shape: tuple[int, int], limits: PictureLimits
) -> bytes:
    """Write `{visual_id}_{k}.png` for each mask, k from 1, and `{visual_id}_panoptic.png`."""
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # PNGs are deflated already
        for place, mask in enumerate(masks, start=1):
            archive.writestr(f"{visual_id}_{place}.png", mask)
        panoptic = encode_mask(_panoptic(masks, shape, limits), format="PNG", quality=95)
        archive.writestr(f"{visual_id}_panoptic.png", panoptic)
    return out.getvalue()


def _panoptic(
    masks: Sequence[bytes], shape: tuple[int, int], limits: PictureLimits
) -> np.typing.NDArray[np.uint8]:
    """Write each mask's number on its pixels, 0 elsewhere; where masks overlap the smaller wins."""
    areas = [decode(mask, parameter="mask", limits=limits).rgb[..., 0] >= 128 for mask in masks]
    numbers = np.zeros(shape, np.uint8)
    for place in sorted(range(len(areas)), key=lambda place: -int(areas[place].sum())):
        numbers[areas[place]] = place + 1
    return numbers
