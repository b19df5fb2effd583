"""Fakes of our Protocols, and jobs to feed them with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import msgspec

from protocol.jobs import Job, Outcome, Product, StoredImage
from protocol.tasks import JobTask, RemoveBackground

TENANT = "acme"
STREAM = "ws.1"
PATIENCE_S = 10.0
"""After which a test that waits for what never comes fails, rather than hang."""


class FakeClock:
    """Time that passes only when told."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class GatedRunner:
    """Runs jobs, each of which ends when its gate is opened."""

    def __init__(self) -> None:
        self.begun: list[Job] = []
        self.running = 0
        self.most_running = 0
        self._gates: dict[str, asyncio.Event] = {}
        self._grown = asyncio.Event()

    async def run(self, job: Job, turn: AbstractAsyncContextManager[None]) -> Outcome:
        async with turn:
            self.begun.append(job)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            self._grown.set()
            try:
                await self._gate(job.task.task_uuid).wait()
            finally:
                self.running -= 1
        return outcome_of(job)

    def open(self, *jobs: Job) -> None:
        for job in jobs:
            self._gate(job.task.task_uuid).set()

    async def has_begun(self, count: int) -> None:
        """Wait until so many jobs have begun."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.begun) < count:
                self._grown.clear()
                await self._grown.wait()

    def _gate(self, task_uuid: str) -> asyncio.Event:
        return self._gates.setdefault(task_uuid, asyncio.Event())


class RecordedSettlement:
    """Remembers what it was told, and calls back to see the order of things."""

    def __init__(self, told: Callable[[Outcome], Awaitable[None]] | None = None) -> None:
        self.outcomes: list[Outcome] = []
        self.price = Decimal(0)
        self._told = told

    def priced(self, outcome: Outcome) -> Outcome:
        is_free = outcome.product is None
        return msgspec.structs.replace(outcome, cost=Decimal(0) if is_free else self.price)

    async def settled(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if self._told is not None:
            await self._told(outcome)


def uuid_of(number: int) -> str:
    """A taskUUID that shows its number."""
    return f"00000000-0000-4000-8000-{number:012d}"


def plain_task(kind: type[Any]) -> Any:
    """A task of any type with its required fields only."""
    required = [field.name for field in msgspec.structs.fields(kind) if field.required]
    return kind(**{name: uuid_of(1) if name == "task_uuid" else "x" for name in required})


def removal(number: int = 1, **fields: Any) -> RemoveBackground:
    """A task, valid and plain."""
    return RemoveBackground(task_uuid=uuid_of(number), input_image="", **fields)


def job_of(number: int = 1, *, tenant: str = TENANT, reply_to: str = STREAM, **fields: Any) -> Job:
    """A job, valid and plain; without `reply_to` it is an async one in the bulk lane."""
    is_async = not reply_to
    task: JobTask = fields.pop(
        "task", removal(number, delivery_method="async" if is_async else "sync")
    )
    return Job(
        tenant=tenant,
        task=task,
        images={"inputImage": StoredImage(key=f"in/0/{number}")},
        reply_to=reply_to,
        lane=fields.pop("lane", "bulk" if is_async else "interactive"),
        submitted_at=fields.pop("submitted_at", 1_000.0),
        deadline_at=fields.pop("deadline_at", 1_060.0),
        **fields,
    )


def product_of(width: int = 4, height: int = 4) -> Product:
    """A finished picture."""
    return Product(
        image_uuid=uuid_of(900),
        key=f"out/0/{uuid_of(900)}",
        media_type="image/png",
        width=width,
        height=height,
        size_bytes=100,
    )


def outcome_of(job: Job) -> Outcome:
    """The job's success."""
    return Outcome(job=job, product=product_of())
