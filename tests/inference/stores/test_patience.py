"""A store that is away for a moment: who was promised a result waits for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.stores import BlobNotFound, PatientStore, Store, StoreSettings, open_store
from protocol.errors import StorageUnavailable


class Absent:
    """A store that does not answer the first calls."""

    def __init__(self, store: Store, failures: int) -> None:
        self._store = store
        self.failures = failures

    async def get(self, key: str) -> bytes:
        self._fail()
        return await self._store.get(key)

    async def put(self, key: str, data: bytes | memoryview, media_type: str) -> None:
        self._fail()
        await self._store.put(key, data, media_type)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise StorageUnavailable("the store does not answer; try again later")


@pytest.fixture
def inner(tmp_path: Path) -> Store:
    return open_store(StoreSettings(kind="memory"), tmp_path)


async def test_call_outlasts_a_short_absence(inner: Store) -> None:
    patient = PatientStore(Absent(inner, 2), 5.0)  # type: ignore[arg-type]
    await patient.put("in/a", b"picture", "image/png")
    assert await patient.get("in/a") == b"picture"


async def test_patience_ends(inner: Store) -> None:
    absent = Absent(inner, 1_000)
    with pytest.raises(StorageUnavailable):
        await PatientStore(absent, 0.2).get("in/a")  # type: ignore[arg-type]
    assert absent.failures < 999


async def test_blob_that_is_not_there_is_told_at_once(inner: Store) -> None:
    with pytest.raises(BlobNotFound):
        await PatientStore(inner, 3_600).get("in/a")
