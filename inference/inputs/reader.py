"""Where does an input's image come from? From the store, under a key or a UUID, or from its URL."""

from __future__ import annotations

import contextlib

from inference.inputs.fetch import Fetcher
from inference.keys import result_key, upload_key
from inference.stores import BlobNotFound, Store
from protocol.errors import ImageNotFound, InternalError
from protocol.jobs import ImageSource, RemoteImage, StoredImage


class InputReader:
    """Brings the bytes of inputs; a UUID leads to its own tenant's pictures only."""

    def __init__(self, store: Store, fetcher: Fetcher) -> None:
        self._store = store
        self._fetcher = fetcher

    async def read(self, tenant: str, source: ImageSource, parameter: str) -> bytes:
        """Return the image's bytes.

        Raises:
            ImageError: the client's source does not lead to bytes.
            StorageUnavailable, Overloaded: it may later.
        """
        match source:
            case RemoteImage():
                return await self._fetcher.fetch(source.url, parameter)
            case StoredImage(image_uuid=""):
                return await self._read_inline(source.key)
            case StoredImage():
                return await self._read_image(tenant, source.image_uuid, parameter)

    async def _read_inline(self, key: str) -> bytes:
        try:
            return await self._store.get(key)
        except BlobNotFound as exc:
            raise InternalError("The task's picture was lost; send it again.", detail=key) from exc

    async def _read_image(self, tenant: str, image_uuid: str, parameter: str) -> bytes:
        for key in (upload_key(tenant, image_uuid), result_key(tenant, image_uuid)):
            with contextlib.suppress(BlobNotFound):
                data = await self._store.get(key)
                await self._store.touch(key)
                return data
        raise ImageNotFound(
            f"{parameter} is the UUID of no image of yours; it was never stored, or has expired.",
            parameter=parameter,
        )
