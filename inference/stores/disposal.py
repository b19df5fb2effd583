"""What becomes of blobs that nobody needs any more? They are deleted soon, many in one go."""

from __future__ import annotations

import asyncio
import logging

from inference.latch import Latch
from inference.stores.store import Store
from protocol.errors import StorageUnavailable
from protocol.jobs import Job, StoredImage

SOON_S = 0.1
AT_ONCE = 100
MOST = 10_000
"""Keys kept in memory for a store that is slow or away; what comes on top expires later."""

_log = logging.getLogger(__name__)


class Disposal:
    """Deletes beside the work: no task waits for the end of another's picture."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: list[str] = []
        self._grown = Latch()

    def drop_inputs(self, job: Job) -> None:
        """Have the pictures deleted that came inside a job."""
        for source in job.images.values():
            if type(source) is StoredImage and not source.image_uuid and len(self._keys) < MOST:
                self._keys.append(source.key)
                self._grown.set()

    async def run(self) -> None:
        """Delete until cancelled, and then what is left."""
        try:
            while True:
                await self._grown.wait()
                await asyncio.sleep(SOON_S)
                self._grown.clear()
                await self._delete_all()
        finally:
            await self._delete_all()

    async def _delete_all(self) -> None:
        while keys := self._keys[:AT_ONCE]:
            try:
                await self._store.delete(*keys)
            except StorageUnavailable as exc:
                facts = {"count": len(keys), "detail": exc.detail}
                _log.warning("inputs not deleted; they expire later", extra=facts)
            del self._keys[: len(keys)]
