"""One SQLite file: changes are committed in groups by one thread, queries run beside them."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from inference.threads import on_thread, settle
from protocol.errors import StorageUnavailable

T = TypeVar("T")
Change = Callable[[sqlite3.Connection], T]

FILE_NAME = "cutwire.sqlite"
"""Lies in the data directory."""

MAX_GROUP = 256
"""Changes in one commit: what waits while the disk is busy with the commit before."""

BUSY_S = 5.0
"""How long another process, a person with a shell perhaps, may hold the file's lock."""

WAL_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Write:
    change: Change[Any]
    is_synced: bool
    done: asyncio.Future[Any]


class Database:
    """Durable state of one process. Who writes waits, so the number of callers bounds the queue."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="database-write")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="database-read")
        self._connections: dict[ThreadPoolExecutor, sqlite3.Connection] = {}
        self._is_open = False
        self._queue: SimpleQueue[_Write | None] = SimpleQueue()
        self._serving: asyncio.Future[None] | None = None

    async def open(self, *schemas: str) -> None:
        """Open the file and run the scripts, which make what is missing.

        Raises StorageUnavailable, which names the file to the operator: no client is there yet.
        """
        loop = asyncio.get_running_loop()
        try:
            writing = await loop.run_in_executor(self._writer, self._connect)
            self._connections[self._writer] = writing
            for schema in schemas:
                await loop.run_in_executor(self._writer, writing.executescript, schema)
            reading = await loop.run_in_executor(self._reader, open_read_only, self._path)
            self._connections[self._reader] = reading
        except (sqlite3.Error, OSError) as exc:
            raise StorageUnavailable(
                f"{self._path} cannot be used as the service's database: {exc}. Restore it from a "
                "copy, or move it away: results and charges in it are gone then."
            ) from exc
        self._serving = loop.run_in_executor(self._writer, self._serve, loop)
        self._is_open = True

    async def close(self) -> None:
        """Take no more changes, commit those that wait, and close the file."""
        self._is_open = False
        if self._serving is not None:
            self._queue.put(None)
            await self._serving
            self._serving = None
        loop = asyncio.get_running_loop()
        for thread in (self._reader, self._writer):  # the last to close empties the log
            connection = self._connections.pop(thread, None)
            if connection is not None:
                await loop.run_in_executor(thread, connection.close)
            thread.shutdown(wait=False)

    @contextlib.asynccontextmanager
    async def opened(self, *schemas: str) -> AsyncIterator[None]:
        """Open the file for as long as the block runs."""
        try:
            await self.open(*schemas)
            yield
        finally:
            await self.close()

    async def write(self, change: Change[T], *, is_synced: bool = True) -> T:
        """Make a change; on return it is on the disk. An exception undoes this change alone.

        One that is not synced is cheap: it outlives the process, though not a power cut.
        Raises StorageUnavailable where the file cannot be written; then nothing was changed.
        Who is cancelled while waiting does not know whether the change was made.
        """
        self._check_open()
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(_Write(change, is_synced, done))
        return await done

    async def read(self, query: Change[T]) -> T:
        """Run a query; it sees every change that was written before."""
        self._check_open()
        with _failures():
            return await on_thread(self._reader, query, self._connections[self._reader])

    def _check_open(self) -> None:
        if not self._is_open:
            raise StorageUnavailable("The service's database is closed; try again later.")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
        self._path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        return connection

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Commit group after group; a group is all that came while the last one was written."""
        is_over = False
        while not is_over:
            group = [self._queue.get()]
            while len(group) < MAX_GROUP and not self._queue.empty():
                group.append(self._queue.get())
            is_over = group[-1] is None  # the last of all
            writes = [write for write in group if write is not None]
            if writes:
                loop.call_soon_threadsafe(_tell, writes, self._commit(writes))

    def _commit(self, writes: Sequence[_Write]) -> list[Any]:
        """Make the changes in one transaction; return what each gave, or why it failed."""
        try:
            connection = self._connections[self._writer]
            # FULL: the log is synced, so that the commit outlives a power cut.
            is_synced = any(write.is_synced for write in writes)
            connection.execute(f"PRAGMA synchronous = {'FULL' if is_synced else 'NORMAL'}")
            with _transaction(connection):
                return [_apply(connection, write.change) for write in writes]
        except Exception as exc:  # noqa: BLE001 - each of those who wait is told
            return [_translated(exc) for _ in writes]


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open the file for queries alone, also while a service writes to it."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)
    connection.isolation_level = None
    return connection


def _apply(connection: sqlite3.Connection, change: Change[Any]) -> Any:
    connection.execute("SAVEPOINT change")
    try:
        answer = change(connection)
    except Exception as exc:
        if not connection.in_transaction:  # the disk is full: the changes before are undone too
            raise sqlite3.OperationalError(f"transaction lost: {exc}") from exc
        connection.execute("ROLLBACK TO change")
        answer = _translated(exc)
    connection.execute("RELEASE change")
    return answer


def _tell(writes: Sequence[_Write], answers: Sequence[Any]) -> None:
    for write, answer in zip(writes, answers, strict=True):
        settle(write.done, answer, answer if isinstance(answer, Exception) else None)


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        raise _translated(exc) from exc


def _translated(exc: Exception) -> Exception:
    """Tell a file that does not work from a caller's own mistake."""
    if isinstance(exc, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        return exc
    if isinstance(exc, sqlite3.Error):
        return StorageUnavailable(
            "The service's database cannot be used now; try again later.",
            detail=f"{type(exc).__name__}: {exc}",
        )
    return exc
