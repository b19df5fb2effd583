"""What is a store of blobs? The protocol that pipelines and server use, and what a key may be."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

_KEY: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)*")
_MAX_KEY_CHARS: Final = 255

Told = TypeVar("Told")
Makes = Callable[[], tuple[bytes, Told]]
"""Makes a blob, and something to tell of it."""


class DoesOnThread(Protocol):
    """Does work on a thread, when its turn has come."""

    async def __call__(self, work: Callable[[], Told], /) -> Told:
        """Return what the work returns, or raise what it raises."""
        ...


class BlobNotFound(KeyError):  # noqa: N818 - named as the errors of protocol/errors.py are
    """No blob has that key. Internal: the caller knows what its absence means to the client."""


class Store(Protocol):
    """Blobs by key. Every method raises StorageUnavailable when the store does not work."""

    async def put(self, key: str, data: bytes | memoryview, media_type: str) -> None:
        """Keep a blob, atomically: readers see the old one or the new one, never a part."""
        ...

    async def put_made(
        self, key: str, make: Makes[Told], media_type: str, do: DoesOnThread
    ) -> Told:
        """Make a blob on a thread and keep it as `put` does; raises what `make` raises.

        A store on this machine does both in one go: ways to a thread and back are what it costs.
        """
        ...

    async def get(self, key: str) -> bytes:
        """Give a blob; raises BlobNotFound."""
        ...

    @property
    def signs_urls(self) -> bool:
        """Whether `url` gives any."""
        ...

    async def url(self, key: str, expires_s: int) -> str | None:
        """Sign a URL for reading the blob without us; None where the store cannot."""
        ...

    async def delete(self, *keys: str) -> None:
        """Remove blobs; those that are not there are no error."""
        ...

    async def touch(self, key: str) -> None:
        """Renew a blob's last use; raises BlobNotFound."""
        ...

    async def expire(self, prefix: str, older_than_s: float) -> int:
        """Delete the blobs below a prefix whose last use is longer ago; gives their number."""
        ...


def check_key(key: str) -> str:
    """Pass a key on; raises ValueError for one that we would not have made ourselves."""
    if len(key) > _MAX_KEY_CHARS or not _KEY.fullmatch(key):
        raise ValueError("a key is words of letters, digits, '_', '-' and inner '.', joined by '/'")
    return key
