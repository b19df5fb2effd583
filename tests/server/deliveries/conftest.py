"""A courier over a real database, real calls and real receivers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes import TENANT, job_of, product_of, removal
from receivers import Answer, Receiver

from inference.database import Database
from inference.inputs.fetch import Fetcher
from inference.stores import BlobNotFound
from protocol.errors import TaskTimedOut
from protocol.jobs import Callback, Outcome
from server.deliveries import (
    SCHEMA,
    Courier,
    DeliverySettings,
    Outbox,
    Parcels,
    WebhookSecrets,
)
from server.deliveries.outbox import Entry

SECRETS = WebhookSecrets(b"s" * 32)
PICTURE = b"\x89PNG picture"
QUICK = DeliverySettings(first_wait_s=0.001, longest_wait_s=0.002, answer_s=5, tries=4, connect_s=5)


class FakeBodies:
    """Bodies that a test can foretell."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect

    async def body(self, outcome: Outcome, base_url: str) -> bytes:
        told = {"taskUUID": outcome.job.task.task_uuid, "dialect": self.dialect, "at": base_url}
        return msgspec.json.encode(told)


class FakeStore:
    """One folder of pictures."""

    def __init__(self) -> None:
        self.blobs = {product_of().key: PICTURE}

    async def get(self, key: str) -> bytes:
        if key not in self.blobs:
            raise BlobNotFound(key)
        return self.blobs[key]


class Observer:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.tries: list[tuple[str, str]] = []
        self.pending = 0
        self._recorded = 0
        self._changed = asyncio.Event()

    def delivery_tried(self, kind: str, outcome: str, seconds: float) -> None:
        self.tries.append((kind, outcome))

    def deliveries_pending(self, count: int) -> None:
        self.pending = count
        self._recorded = len(self.tries)
        self._changed.set()

    async def recorded(self, count: int) -> None:
        """Wait until so many tries are in the database."""
        async with asyncio.timeout(30):
            while self._recorded < count:
                self._changed.clear()
                await self._changed.wait()

    async def nothing_pends(self) -> None:
        """Wait until every delivery has ended."""
        async with asyncio.timeout(30):
            while self.pending:
                self._changed.clear()
                await self._changed.wait()


class Office:
    """One run of the service, as far as deliveries go; the database file outlives it."""

    def __init__(
        self, path: Path, settings: DeliverySettings = QUICK, *, allow_private: bool = True
    ) -> None:
        self.database = Database(path)
        self.outbox = Outbox(self.database)
        self.store = FakeStore()
        self.observer = Observer()
        self.calls = Fetcher(settings.calls, allow_private)
        parcels = Parcels(
            store=self.store,
            secrets=SECRETS,
            task_bodies=FakeBodies("task"),
            edit_bodies=FakeBodies("edit"),
            settings=settings,
        )
        self.courier = Courier(self.outbox, parcels, self.calls, self.observer)
        self._running: asyncio.Task[None] | None = None

    async def open(self, *, deliver: bool = True) -> Office:
        await self.database.open(SCHEMA)
        if deliver:
            await self.courier.open()
            self.start()
        return self

    def start(self) -> None:
        """Begin to deliver."""
        self._running = asyncio.create_task(self.courier.run())

    async def settle(self, outcome: Outcome) -> None:
        """Record an outcome, as the journal does."""
        await self.database.write(lambda connection: self.outbox.record(connection, outcome))

    async def owe(self, outcome: Outcome) -> list[Entry]:
        """Record an outcome; return all that is owed now."""
        await self.settle(outcome)
        return await self.outbox.pending()

    async def close(self) -> None:
        """As a crash would: nothing is finished."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        await self.calls.close()
        await self.database.close()


class Kit:
    """What the tests of this folder share."""

    Office = Office
    QUICK = QUICK
    PICTURE = PICTURE
    SECRETS = SECRETS

    def __init__(self, folder: Path) -> None:
        self._path = folder / "cutwire.sqlite"
        self._offices: list[Office] = []
        self._receivers: list[Receiver] = []

    async def office(
        self,
        settings: DeliverySettings = QUICK,
        *,
        allow_private: bool = True,
        deliver: bool = True,
    ) -> Office:
        office = Office(self._path, settings, allow_private=allow_private)
        self._offices.append(office)
        return await office.open(deliver=deliver)

    async def receiver(self, *script: Answer) -> Receiver:
        receiver = Receiver(script or (200,))
        await receiver.start()
        self._receivers.append(receiver)
        return receiver

    async def stop(self) -> None:
        for office in self._offices:
            await office.close()
        for receiver in self._receivers:
            await receiver.stop()

    @staticmethod
    def done(number: int = 1, *, tenant: str = TENANT, **fields: Any) -> Outcome:
        """A task that ended well."""
        names = ("dialect", "callback", "submitted_at")
        job_fields = {name: fields.pop(name) for name in names if name in fields}
        job_fields.setdefault("callback", Callback(base_url="http://here"))
        task = removal(number, **fields)
        job = job_of(number, tenant=tenant, reply_to="", task=task, **job_fields)
        return Outcome(job=job, product=product_of())

    @classmethod
    def failed(cls, number: int = 1, **fields: Any) -> Outcome:
        """A task that failed."""
        return Outcome.failed(cls.done(number, **fields).job, TaskTimedOut("Too late."))


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    kit = Kit(tmp_path)
    yield kit
    await kit.stop()
