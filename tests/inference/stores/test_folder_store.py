"""What is particular to the store in a folder."""

from __future__ import annotations

import asyncio
import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from inference.stores import StoreSettings, open_store
from protocol.errors import StorageUnavailable
from tests.limits import file_size_limit

LOCAL = StoreSettings(kind="local")


async def test_the_folder_is_open_to_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir(mode=0o755)
    open_store(LOCAL, tmp_path)
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o700


async def test_blobs_are_files_below_the_data_folder(tmp_path: Path) -> None:
    await open_store(LOCAL, tmp_path).put("results/a.png", b"picture", "image/png")
    assert (tmp_path / "blobs" / "results" / "a.png").read_bytes() == b"picture"


async def test_blobs_survive_a_restart(tmp_path: Path) -> None:
    await open_store(LOCAL, tmp_path).put("a", b"picture", "image/png")
    assert await open_store(LOCAL, tmp_path).get("a") == b"picture"


async def test_the_folder_signs_no_urls(tmp_path: Path) -> None:
    store = open_store(LOCAL, tmp_path)
    await store.put("a", b"picture", "image/png")
    assert await store.url("a", 3600) is None


async def test_a_blob_just_touched_is_not_touched_again(tmp_path: Path) -> None:
    store = open_store(LOCAL, tmp_path)
    await store.put("a", b"picture", "image/png")
    before = (tmp_path / "blobs" / "a").stat().st_mtime_ns
    await store.touch("a")
    assert (tmp_path / "blobs" / "a").stat().st_mtime_ns == before


async def test_a_blob_untouched_for_long_is_touched(tmp_path: Path) -> None:
    store = open_store(LOCAL, tmp_path)
    await store.put("a", b"picture", "image/png")
    os.utime(tmp_path / "blobs" / "a", (0, 0))
    await store.touch("a")
    assert (tmp_path / "blobs" / "a").stat().st_mtime > 0


async def test_what_a_killed_process_left_half_written_expires(tmp_path: Path, clock: Any) -> None:
    store = open_store(LOCAL, tmp_path, clock=clock)
    await store.put("results/a.png", b"picture", "image/png")
    staged = tmp_path / "blobs" / "results" / "b.png#1"
    staged.write_bytes(b"pic")
    await store.expire("results", 3600)
    assert staged.exists()
    clock.ahead = timedelta(hours=2)
    await store.expire("results", 3600)
    assert not staged.exists()


async def test_a_folder_that_has_gone_bad_is_unavailable(tmp_path: Path) -> None:
    store = open_store(LOCAL, tmp_path)
    (tmp_path / "blobs").rmdir()
    (tmp_path / "blobs").write_text("a file now")
    calls = [store.put("a/b", b"", "image/png"), store.get("a/b"), store.delete("a/b")]
    made = store.put_made("a/b", lambda: (b"", 0), "image/png", asyncio.to_thread)
    for call in [*calls, made, store.touch("a/b"), store.expire("a", 0)]:
        with pytest.raises(StorageUnavailable) as caught:
            await call
        assert str(tmp_path) not in caught.value.message
        assert "a" in caught.value.detail


async def test_a_write_that_fails_is_unavailable_and_leaves_nothing(tmp_path: Path) -> None:
    store = open_store(LOCAL, tmp_path)
    with file_size_limit(4096), pytest.raises(StorageUnavailable):
        await store.put("a", bytes(100_000), "image/png")
    assert not list((tmp_path / "blobs").iterdir())


async def test_a_write_that_fails_keeps_the_old_blob(tmp_path: Path) -> None:
    store = open_store(LOCAL, tmp_path)
    await store.put("a", b"old", "image/png")
    with file_size_limit(4096), pytest.raises(StorageUnavailable):
        await store.put("a", bytes(100_000), "image/png")
    assert await store.get("a") == b"old"
