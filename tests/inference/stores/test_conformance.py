"""What every store does: one suite for memory, a folder and S3."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from inference.stores import BlobNotFound, Store, StoreSettings
from protocol.errors import MalformedImage

Told = TypeVar("Told")


@pytest.fixture
def prefix() -> str:
    """Keep the tests of a shared bucket apart."""
    return f"t{uuid.uuid4().hex}"


async def test_what_was_put_is_given_back(store: Store, prefix: str) -> None:
    await store.put(f"{prefix}/a.png", b"picture", "image/png")
    assert await store.get(f"{prefix}/a.png") == b"picture"


async def test_a_blob_is_bytes(store: Store, prefix: str) -> None:
    await store.put(f"{prefix}/a.png", b"picture", "image/png")
    assert type(await store.get(f"{prefix}/a.png")) is bytes


async def test_a_part_of_a_buffer_is_put_without_the_rest(store: Store, prefix: str) -> None:
    await store.put(f"{prefix}/a", memoryview(b"a picture!")[2:-1], "image/png")
    assert await store.get(f"{prefix}/a") == b"picture"


async def test_an_empty_blob_is_a_blob(store: Store, prefix: str) -> None:
    await store.put(f"{prefix}/a", b"", "image/png")
    assert await store.get(f"{prefix}/a") == b""


async def test_a_large_blob_comes_back_whole(store: Store, prefix: str) -> None:
    data = bytes(range(256)) * 65536  # 16 MiB
    await store.put(f"{prefix}/a", data, "image/png")
    assert await store.get(f"{prefix}/a") == data


async def test_putting_again_overwrites(store: Store, prefix: str) -> None:
    await store.put(f"{prefix}/a", b"old and longer", "image/png")
    await store.put(f"{prefix}/a", b"new", "image/webp")
    assert await store.get(f"{prefix}/a") == b"new"


async def test_readers_never_see_a_part_of_a_write(store: Store, prefix: str) -> None:
    blobs = {bytes([value]) * 1_000_000 for value in range(4)}
    await store.put(f"{prefix}/a", next(iter(blobs)), "image/png")
    async with asyncio.TaskGroup() as group:
        for blob in blobs:
            group.create_task(store.put(f"{prefix}/a", blob, "image/png"))
        reads = [group.create_task(store.get(f"{prefix}/a")) for _ in range(8)]
    assert {read.result() for read in reads} <= blobs


async def test_a_missing_blob_is_not_found(store: Store, prefix: str) -> None:
    with pytest.raises(BlobNotFound):
        await store.get(f"{prefix}/none")


async def test_a_deleted_blob_is_not_found(store: Store, prefix: str) -> None:
    await store.put(f"{prefix}/a", b"picture", "image/png")
    await store.delete(f"{prefix}/a")
    with pytest.raises(BlobNotFound):
        await store.get(f"{prefix}/a")


async def test_deleting_a_missing_blob_is_no_error(store: Store, prefix: str) -> None:
    await store.delete(f"{prefix}/none")


async def test_blobs_are_deleted_together_though_one_is_missing(store: Store, prefix: str) -> None:
    for name in ("a", "c", "d"):
        await store.put(f"{prefix}/{name}", b"picture", "image/png")
    await store.delete(f"{prefix}/a", f"{prefix}/b", f"{prefix}/c")
    assert await store.get(f"{prefix}/d") == b"picture"
    for name in ("a", "c"):
        with pytest.raises(BlobNotFound):
            await store.get(f"{prefix}/{name}")


async def do(work: Callable[[], Told]) -> Told:
    """Do work on a thread."""
    return await asyncio.to_thread(work)


async def test_what_was_made_is_kept_and_told_of(store: Store, prefix: str) -> None:
    assert await store.put_made(f"{prefix}/a", lambda: (b"picture", 7), "image/png", do) == 7
    assert await store.get(f"{prefix}/a") == b"picture"


async def test_what_could_not_be_made_is_not_kept(store: Store, prefix: str) -> None:
    def fail() -> tuple[bytes, int]:
        raise MalformedImage("It is no image.")

    with pytest.raises(MalformedImage):
        await store.put_made(f"{prefix}/a", fail, "image/png", do)
    with pytest.raises(BlobNotFound):
        await store.get(f"{prefix}/a")


async def test_touching_keeps_the_blob(store: Store, prefix: str) -> None:
    await store.put(f"{prefix}/a", b"picture", "image/png")
    await store.touch(f"{prefix}/a")
    assert await store.get(f"{prefix}/a") == b"picture"


async def test_touching_a_missing_blob_is_not_found(store: Store, prefix: str) -> None:
    with pytest.raises(BlobNotFound):
        await store.touch(f"{prefix}/none")


async def test_old_blobs_expire(store: Store, prefix: str, clock: Any) -> None:
    await store.put(f"{prefix}/a", b"picture", "image/png")
    await store.put(f"{prefix}/b/c", b"picture", "image/png")
    clock.ahead = timedelta(hours=2)
    assert await store.expire(prefix, 3600) == 2
    with pytest.raises(BlobNotFound):
        await store.get(f"{prefix}/a")


async def test_young_blobs_do_not_expire(store: Store, prefix: str) -> None:
    await store.put(f"{prefix}/a", b"picture", "image/png")
    assert await store.expire(prefix, 3600) == 0
    assert await store.get(f"{prefix}/a") == b"picture"


async def test_blobs_beside_the_prefix_do_not_expire(store: Store, prefix: str, clock: Any) -> None:
    await store.put(f"{prefix}x/a", b"picture", "image/png")
    clock.ahead = timedelta(hours=2)
    assert await store.expire(prefix, 3600) == 0


async def test_nothing_expires_below_an_unknown_prefix(store: Store, prefix: str) -> None:
    assert await store.expire(prefix, 0) == 0


TICK_S = 0.05
"""More than a tick of the clock that file systems stamp by, which runs behind the real one."""


async def test_a_touched_blob_outlives_its_equal(
    store: Store, prefix: str, clock: Any, store_settings: StoreSettings
) -> None:
    if store_settings.kind == "s3":
        pytest.skip("S3 tells times in whole seconds; the test does not wait for one")
    for name in ("a", "b"):
        await store.put(f"{prefix}/{name}", b"picture", "image/png")
    await asyncio.sleep(TICK_S)
    between = clock()
    await asyncio.sleep(TICK_S)
    await store.touch(f"{prefix}/b")
    assert await store.expire(prefix, (clock() - between).total_seconds()) == 1
    assert await store.get(f"{prefix}/b") == b"picture"


@pytest.mark.parametrize(
    "key", ["", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/./b", ".a", "a b", "a#1", "a\n",
            "a\\b", "é", "a%2e", "a" * 256]
)  # fmt: skip
async def test_a_key_that_we_would_not_make_is_an_error_of_ours(store: Store, key: str) -> None:
    calls = [store.get(key), store.put(key, b"", "image/png"), store.delete(key), store.touch(key)]
    made = store.put_made(key, lambda: (b"", 0), "image/png", do)
    for call in [*calls, made, store.url(key, 60), store.expire(key, 60)]:
        with pytest.raises(ValueError, match="a key is"):
            await call
