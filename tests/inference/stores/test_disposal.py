"""Pictures that came inside tasks which have ended: deleted soon, and no other pictures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from fakes import PATIENCE_S, job_of, uuid_of

from inference.stores import BlobNotFound, Disposal, Store, StoreSettings, open_store
from protocol.errors import StorageUnavailable
from protocol.jobs import Job, StoredImage


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(StoreSettings(kind="memory"), tmp_path)


@pytest.fixture
async def jobs(store: Store) -> list[Job]:
    """Two jobs whose pictures lie in the store."""
    jobs = [job_of(1), job_of(2)]
    for job in jobs:
        await store.put(key_of(job), b"picture", "image/png")
    return jobs


def key_of(job: Job) -> str:
    (source,) = job.images.values()
    assert isinstance(source, StoredImage)
    return source.key


@asynccontextmanager
async def at_work(disposal: Disposal) -> AsyncIterator[None]:
    work = asyncio.create_task(disposal.run())
    await asyncio.sleep(0)  # so that it has begun
    yield
    work.cancel()
    await asyncio.wait({work})


async def are_there(store: Store, *jobs: Job) -> list[bool]:
    return [
        not isinstance(found, BlobNotFound)
        for found in await asyncio.gather(
            *(store.get(key_of(job)) for job in jobs), return_exceptions=True
        )
    ]


class Watched:
    """A store that tells when something was deleted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.has_deleted = asyncio.Event()

    async def delete(self, *keys: str) -> None:
        await self._store.delete(*keys)
        self.has_deleted.set()


async def test_pictures_of_a_job_are_deleted_and_no_others(store: Store, jobs: list[Job]) -> None:
    watched = Watched(store)
    disposal = Disposal(watched)  # type: ignore[arg-type]
    async with at_work(disposal), asyncio.timeout(PATIENCE_S):
        disposal.drop_inputs(jobs[0])
        await watched.has_deleted.wait()
        assert await are_there(store, *jobs) == [False, True]


async def test_pictures_of_later_jobs_are_deleted_too(store: Store, jobs: list[Job]) -> None:
    watched = Watched(store)
    disposal = Disposal(watched)  # type: ignore[arg-type]
    async with at_work(disposal), asyncio.timeout(PATIENCE_S):
        for job in jobs:
            watched.has_deleted.clear()
            disposal.drop_inputs(job)
            await watched.has_deleted.wait()
        assert await are_there(store, *jobs) == [False, False]


async def test_what_is_left_at_the_end_is_deleted_then(store: Store, jobs: list[Job]) -> None:
    disposal = Disposal(store)
    async with at_work(disposal):
        disposal.drop_inputs(jobs[0])
    assert await are_there(store, *jobs) == [False, True]


async def test_uploads_that_a_job_uses_stay(store: Store, jobs: list[Job]) -> None:
    upload = StoredImage(key=key_of(jobs[0]), image_uuid=uuid_of(5))
    disposal = Disposal(store)
    async with at_work(disposal):
        disposal.drop_inputs(msgspec.structs.replace(jobs[0], images={"inputImage": upload}))
    assert await are_there(store, *jobs) == [True, True]


class Away:
    """A store that does not answer the first time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._answers = False

    async def delete(self, *keys: str) -> None:
        if not self._answers:
            self._answers = True
            raise StorageUnavailable("the store does not answer; try again later")
        await self._store.delete(*keys)


async def test_store_that_is_away_is_logged_and_later_pictures_are_deleted(
    store: Store, jobs: list[Job], caplog: pytest.LogCaptureFixture
) -> None:
    disposal = Disposal(Away(store))  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        async with at_work(disposal):
            disposal.drop_inputs(jobs[0])
        async with at_work(disposal):
            disposal.drop_inputs(jobs[1])
    assert [record.message for record in caplog.records] == [
        "inputs not deleted; they expire later"
    ]
    assert await are_there(store, *jobs) == [True, False]
