"""Tasks on files in this process: the pipelines of the service, without a service."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from inference.batcher.observing import Unobserved
from protocol.errors import ImageNotFound
from protocol.jobs import ImageSource, Job, StoredImage
from protocol.results import Detection
from protocol.tasks import JobTask, PictureTask
from server.filework.parameters import MASK
from server.filework.plan import Piece
from server.machine import Machine
from server.settings import Settings

if TYPE_CHECKING:
    from inference.job_runner import JobRunner


@dataclass(frozen=True, slots=True)
class Made:
    """The result of one picture: the file's bytes, and the regions that imageMasking found."""

    data: bytes
    detections: list[Detection]
    masks: tuple[bytes, ...] = ()
    """The PNG of each detection's mask; none from a service, which keeps them under their UUIDs."""


class LocalWork:
    """Does tasks with this machine's models and threads."""

    def __init__(self, settings: Settings, runner: JobRunner, results: _Results) -> None:
        self._settings = settings
        self._runner = runner
        self._results = results
        self._turns = asyncio.Semaphore(settings.work.task_count)

    @classmethod
    @asynccontextmanager
    async def running(cls, settings: Settings) -> AsyncIterator[LocalWork]:
        """Load the default model, and work until the block ends."""
        results = _Results({})
        async with Machine(settings, Unobserved()).running(_Files(), results) as runner:
            yield cls(settings, runner, results)

    async def do(self, piece: Piece, task: PictureTask) -> Made:
        """Do one task.

        Raises:
            CutwireError: what a service would answer.
        """
        job = self._job(piece, task)
        outcome = await self._runner.run(job, self._turns)
        if outcome.product is None:
            assert outcome.fault is not None
            raise outcome.fault.error()
        masks = tuple(self._results.blobs.pop(mask.key) for mask in outcome.product.masks)
        data = self._results.blobs.pop(outcome.product.key)
        return Made(data, outcome.product.detections, masks)

    def _job(self, piece: Piece, task: PictureTask) -> Job:
        images: dict[str, ImageSource] = {"inputImage": StoredImage(key=str(piece.source))}
        if piece.mask is not None:
            images[MASK] = StoredImage(key=str(piece.mask))
        now = time.time()
        named = msgspec.structs.replace(task, task_uuid=str(uuid.uuid4())).without_images()
        assert isinstance(named, JobTask)
        return Job(
            tenant="local",
            task=named,
            images=images,
            reply_to="",
            model="" if task.model is UNSET else task.model,
            submitted_at=now,
            deadline_at=now + self._settings.limits.task_s,
        )


class _Files:
    """Reads inputs: the key is the path."""

    async def read(self, tenant: str, source: ImageSource, parameter: str) -> bytes:
        """Return a file's bytes."""
        del tenant
        assert isinstance(source, StoredImage)
        try:
            return await asyncio.to_thread(Path(source.key).read_bytes)
        except OSError as exc:
            reason = exc.strerror or "it cannot be read"
            raise ImageNotFound(f"{parameter}: {reason}.", parameter=parameter) from exc


@dataclass(frozen=True, slots=True)
class _Results:
    """Keeps what was made until it is fetched."""

    blobs: dict[str, bytes]

    async def put(self, key: str, data: bytes, media_type: str) -> None:
        """Keep bytes."""
        del media_type
        self.blobs[key] = data
