"""A store whose calls outlast its short absences: for tasks that were accepted already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from inference.stores.store import DoesOnThread, Makes, Store, Told
from protocol.errors import StorageUnavailable

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0

T = TypeVar("T")


class PatientStore:
    """Tries reading and writing again for some time; the rest is the store's own."""

    def __init__(self, store: Store, patience_s: float) -> None:
        self._store = store
        self._patience_s = patience_s

    async def put(self, key: str, data: bytes | memoryview, media_type: str) -> None:
        """Keep a blob."""
        await self._tried(lambda: self._store.put(key, data, media_type))

    async def put_made(
        self, key: str, make: Makes[Told], media_type: str, do: DoesOnThread
    ) -> Told:
        """Make a blob on a thread and keep it; who makes it can do so again."""
        return await self._store.put_made(key, make, media_type, do)

    async def get(self, key: str) -> bytes:
        """Give a blob; raises BlobNotFound."""
        return await self._tried(lambda: self._store.get(key))

    async def touch(self, key: str) -> None:
        """Renew a blob's last use; raises BlobNotFound."""
        await self._tried(lambda: self._store.touch(key))

    @property
    def signs_urls(self) -> bool:
        """Whether the store signs URLs."""
        return self._store.signs_urls

    async def url(self, key: str, expires_s: int) -> str | None:
        """Sign a URL for reading the blob without us."""
        return await self._store.url(key, expires_s)

    async def delete(self, *keys: str) -> None:
        """Remove blobs; what is not removed expires."""
        await self._store.delete(*keys)

    async def expire(self, prefix: str, older_than_s: float) -> int:
        """Delete old blobs."""
        return await self._store.expire(prefix, older_than_s)

    async def _tried(self, call: Callable[[], Awaitable[T]]) -> T:
        until, pause_s = time.monotonic() + self._patience_s, FIRST_PAUSE_S
        while True:
            try:
                return await call()
            except StorageUnavailable:
                if time.monotonic() + pause_s > until:
                    raise
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
