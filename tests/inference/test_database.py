"""The database: what is written stays, what fails undoes itself alone, and it recovers."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inference.database import Database, open_read_only
from protocol.errors import StorageUnavailable

SCHEMA = "CREATE TABLE IF NOT EXISTS notes (text TEXT PRIMARY KEY) STRICT"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.sqlite"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = Database(path)
    await database.open(SCHEMA)
    yield database
    await database.close()


def insert(connection: sqlite3.Connection, text: str) -> str:
    connection.execute("INSERT INTO notes VALUES (?)", (text,))
    return text


def texts(connection: sqlite3.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY rowid")]


async def note(database: Database, text: str) -> str:
    return await database.write(lambda connection: insert(connection, text))


def crowd(connection: sqlite3.Connection) -> None:
    """Leave no room for more: what a full disk looks like to SQLite."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")


def make_room(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA max_page_count = 1000000")


async def test_change_gives_what_it_returns(database: Database) -> None:
    assert await note(database, "a") == "a"


async def test_what_was_written_is_read(database: Database) -> None:
    await note(database, "a")
    assert await database.read(texts) == ["a"]


async def test_what_was_written_is_there_after_reopening(database: Database, path: Path) -> None:
    await note(database, "a")
    await database.close()
    again = Database(path)
    await again.open(SCHEMA)
    assert await again.read(texts) == ["a"]
    await again.close()


async def test_each_commit_is_synced_to_the_disk(database: Database) -> None:
    full = 2
    assert await database.write(lambda c: c.execute("PRAGMA synchronous").fetchone()) == (full,)


async def test_other_processes_read_while_the_file_is_open(database: Database, path: Path) -> None:
    await note(database, "a")
    reader = open_read_only(path)
    assert texts(reader) == ["a"]
    reader.close()


async def test_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StorageUnavailable):
        await database.read(lambda connection: insert(connection, "a"))


async def test_failed_change_raises_its_own_error(database: Database) -> None:
    await note(database, "a")
    with pytest.raises(sqlite3.IntegrityError):
        await note(database, "a")


async def test_failed_change_undoes_all_of_itself(database: Database) -> None:
    def change(connection: sqlite3.Connection) -> None:
        insert(connection, "a")
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(change)
    assert await database.read(texts) == []


async def test_changes_that_come_together_are_committed_together(database: Database) -> None:
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    gate, reached = threading.Event(), threading.Event()

    def wait(_: sqlite3.Connection) -> None:
        reached.set()
        gate.wait()

    await database.write(lambda connection: connection.set_trace_callback(count))
    first = asyncio.ensure_future(database.write(wait))
    await asyncio.to_thread(reached.wait)
    rest = asyncio.gather(*(note(database, str(number)) for number in range(50)))
    await asyncio.sleep(0)
    gate.set()
    await first
    await rest
    assert commits == 3  # of the trace's own change, of the gate, of the fifty


async def test_failed_change_leaves_its_group_alone(database: Database) -> None:
    answers = await asyncio.gather(
        *(note(database, text) for text in ("a", "b", "a", "c")), return_exceptions=True
    )
    assert [isinstance(answer, Exception) for answer in answers] == [False, False, True, False]
    assert await database.read(texts) == ["a", "b", "c"]


async def test_changes_are_made_in_their_order(database: Database) -> None:
    wanted = [str(number) for number in range(600)]
    await asyncio.gather(*(note(database, text) for text in wanted))
    assert await database.read(texts) == wanted


async def test_full_disk_is_told_as_storage_unavailable(database: Database) -> None:
    await database.write(crowd)
    with pytest.raises(StorageUnavailable):
        await note(database, "x" * 100_000)


async def test_full_disk_undoes_the_whole_group_and_tells_all_of_it(database: Database) -> None:
    await database.write(crowd)
    answers = await asyncio.gather(
        note(database, "a"), note(database, "x" * 100_000), return_exceptions=True
    )
    told = [not isinstance(answer, Exception) for answer in answers]
    assert told == [text in await database.read(texts) for text in ("a", "x" * 100_000)]


async def test_room_on_the_disk_is_used_again(database: Database) -> None:
    await database.write(crowd)
    with pytest.raises(StorageUnavailable):
        await note(database, "x" * 100_000)
    await database.write(make_room)
    await note(database, "a")
    assert await database.read(texts) == ["a"]


async def test_closed_database_is_unavailable(database: Database) -> None:
    await database.close()
    with pytest.raises(StorageUnavailable):
        await note(database, "a")
    with pytest.raises(StorageUnavailable):
        await database.read(texts)


async def test_closing_waits_for_what_is_being_written(database: Database, path: Path) -> None:
    writing = asyncio.ensure_future(note(database, "a"))
    await asyncio.sleep(0)
    await database.close()
    assert await writing == "a"


async def test_closing_may_be_repeated(database: Database) -> None:
    await database.close()
    await database.close()


async def test_closed_database_leaves_one_file(database: Database, path: Path) -> None:
    await note(database, "a")
    await database.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_file_is_its_owners_alone(database: Database, path: Path) -> None:
    assert os.stat(path).st_mode & 0o777 == 0o600  # noqa: PTH116 - at once, on the loop


async def test_file_that_is_no_database_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("this is no database, and much longer than the header of one" * 20)
    database = Database(path)
    with pytest.raises(StorageUnavailable):
        await database.open(SCHEMA)
    await database.close()


async def test_cancelled_writer_does_not_disturb_the_others(database: Database) -> None:
    first = asyncio.ensure_future(note(database, "a"))
    second = asyncio.ensure_future(note(database, "b"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "b"
