"""How are blobs kept? One class over obstore; a folder and S3 differ from it in a method or two."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, S3Store

from inference.stores.store import BlobNotFound, DoesOnThread, Makes, Told, check_key
from protocol.errors import StorageUnavailable

_Attributes = dict[str, str] | None
Clock = Callable[[], datetime]

_SHA256: Final = "sha256"
"""In S3 x-amz-meta-sha256: of the blob as it was given to us, checked on the way back."""
_HASHED_AT_ONCE_BYTES: Final = 64 * 1024
_MAX_SIGNED: Final = timedelta(days=7)  # Signature version 4 allows no more
_NO_BUCKET: Final = "NoSuchBucket"  # S3 answers 404 for it as for a missing blob
_STAGED: Final = re.compile(r".+#[0-9]+")  # obstore writes NAME#1, then renames it to NAME


def utc_now() -> datetime:
    """Tell the time; the stores' modification times are compared with it."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Renewal:
    """When a touch counts: not before `after` has passed since the last; told by `clock`."""

    after: timedelta = timedelta(0)
    clock: Clock = utc_now


class ObjectStore:
    """Blobs in any obstore store."""

    def __init__(self, store: MemoryStore | LocalStore | S3Store, renewal: Renewal) -> None:
        self._store = store
        self._renewal = renewal

    async def put(self, key: str, data: bytes | memoryview, media_type: str) -> None:
        """Keep a blob in one atomic write."""
        check_key(key)
        with _failures(key):
            await obstore.put_async(
                self._store,
                key,
                data,
                attributes=await self._attributes(media_type, data),
                use_multipart=False,
            )

    async def put_made(
        self, key: str, make: Makes[Told], media_type: str, do: DoesOnThread
    ) -> Told:
        """Make a blob on a thread, then keep it."""
        check_key(key)
        data, told = await do(make)
        await self.put(key, data, media_type)
        return told

    async def get(self, key: str) -> bytes:
        """Give a blob."""
        check_key(key)
        with _failures(key):
            found = await obstore.get_async(self._store, key)
            data = bytes(await found.bytes_async())
        expected = found.attributes.get(_SHA256)
        if expected is not None and await _sha256(data) != expected:
            raise StorageUnavailable(
                "The store returned a damaged picture; try again later.",
                detail=f"{key}: the checksum differs from the one it was stored with",
            )
        return data

    @property
    def signs_urls(self) -> bool:
        """Only S3 does."""
        return False

    async def url(self, key: str, expires_s: int) -> str | None:
        """Give None: only S3 signs."""
        check_key(key)
        return None

    async def delete(self, *keys: str) -> None:
        """Remove blobs; those that are not there are no error."""
        for key in keys:
            check_key(key)
        await asyncio.gather(*map(self._delete, keys))

    async def _delete(self, key: str) -> None:
        with contextlib.suppress(BlobNotFound), _failures(key):
            await obstore.delete_async(self._store, key)

    async def touch(self, key: str) -> None:
        """Renew the last use, unless it was renewed a short while ago."""
        check_key(key)
        with _failures(key):
            found = await obstore.head_async(self._store, key)
            if self._renewal.clock() - found["last_modified"] >= self._renewal.after:
                await self._renew(key)

    async def expire(self, prefix: str, older_than_s: float) -> int:
        """Delete the blobs below a prefix that were not written or touched for so long."""
        check_key(prefix)
        oldest = self._renewal.clock() - timedelta(seconds=older_than_s)
        deleted = 0
        with _failures(prefix):
            async for batch in obstore.list(self._store, prefix):
                for found in batch:
                    if found["last_modified"] < oldest:
                        await self.delete(found["path"])
                        deleted += 1
        return deleted

    async def _attributes(self, media_type: str, data: bytes | memoryview) -> _Attributes:
        return {"Content-Type": media_type, _SHA256: await _sha256(data)}

    async def _renew(self, key: str) -> None:
        found = await obstore.get_async(self._store, key)
        attributes = found.attributes
        data = await found.bytes_async()
        await obstore.put_async(self._store, key, data, attributes=attributes, use_multipart=False)


class FolderStore(ObjectStore):
    """Blobs as files, without media types and checksums. The folder is open to its owner only."""

    def __init__(self, folder: Path, renewal: Renewal) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)  # files inside follow the umask; nobody else gets this far
        self._folder = folder
        super().__init__(LocalStore(folder), renewal)

    async def put_made(
        self, key: str, make: Makes[Told], media_type: str, do: DoesOnThread
    ) -> Told:
        """Make a blob and keep it, both in one go on a thread."""
        check_key(key)

        def put_now() -> Told:
            data, told = make()
            with _failures(key):
                obstore.put(self._store, key, data, use_multipart=False)
            return told

        return await do(put_now)

    async def delete(self, *keys: str) -> None:
        """Remove blobs, all in one go on a thread."""
        for key in keys:
            check_key(key)
        await asyncio.to_thread(self._delete_now, keys)

    def _delete_now(self, keys: Sequence[str]) -> None:
        for key in keys:
            with contextlib.suppress(BlobNotFound), _failures(key):
                obstore.delete(self._store, key)

    async def expire(self, prefix: str, older_than_s: float) -> int:
        """Delete old blobs, and what a killed process left half written."""
        deleted = await super().expire(prefix, older_than_s)
        oldest = self._renewal.clock() - timedelta(seconds=older_than_s)
        await asyncio.to_thread(_sweep_staged, self._folder / prefix, oldest.timestamp())
        return deleted

    async def _attributes(self, media_type: str, data: bytes | memoryview) -> _Attributes:
        return None  # LocalStore raises NotImplementedError for any

    async def _renew(self, key: str) -> None:
        await asyncio.to_thread(os.utime, self._folder / key)


class BucketStore(ObjectStore):
    """Blobs in an S3 bucket; `signer` is the bucket under the address that clients see."""

    def __init__(self, bucket: S3Store, signer: S3Store, renewal: Renewal) -> None:
        self._signer = signer
        super().__init__(bucket, renewal)

    @property
    def signs_urls(self) -> bool:
        """It does."""
        return True

    async def url(self, key: str, expires_s: int) -> str | None:
        """Sign a GET; S3 allows at most 7 days, a longer life is cut to that."""
        check_key(key)
        life = min(timedelta(seconds=expires_s), _MAX_SIGNED)
        with _failures(key):
            return await obstore.sign_async(self._signer, "GET", key, life)


async def _sha256(data: bytes | memoryview) -> str:
    """Digest a blob, in hexadecimal; a large one not on the event loop."""
    if len(data) <= _HASHED_AT_ONCE_BYTES:
        return hashlib.sha256(data).hexdigest()
    return await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())


@contextmanager
def _failures(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        if _NO_BUCKET in str(exc):
            raise _unavailable(key, exc) from exc
        raise BlobNotFound(key) from exc
    except (BaseError, OSError, ValueError) as exc:
        raise _unavailable(key, exc) from exc


def _unavailable(key: str, exc: Exception) -> StorageUnavailable:
    cause = str(exc).partition("\n")[0]  # obstore adds pages of its own state below
    return StorageUnavailable(
        "the store does not answer; try again later", detail=f"{key}: {type(exc).__name__}: {cause}"
    )


def _sweep_staged(folder: Path, oldest: float) -> None:
    for path in folder.rglob("*#*"):
        if _STAGED.fullmatch(path.name) and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
