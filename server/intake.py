"""Task → job: the model is known, inline pictures lie in the store, the deadline is set."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
from msgspec import UNSET

from inference.inputs import resolve
from inference.inputs.resolve import ImageId, InlineImage, classify, decode_inline
from inference.keys import input_key, new_image_uuid
from inference.models import Catalogue
from inference.stores import Store
from protocol.errors import ModerationUnavailable
from protocol.jobs import ImageSource, Job, RemoteImage, StoredImage
from protocol.tasks import JobTask, PictureTask

_ENCODER = msgspec.msgpack.Encoder()


class Intake:
    """Makes jobs of tasks; what it cannot take it refuses by name."""

    def __init__(
        self,
        store: Store,
        models: Catalogue,
        threads: ThreadPoolExecutor,
        *,
        limit_bytes: int,
        task_life_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._models = models
        self._threads = threads
        self._limit_bytes = limit_bytes
        self._task_life_s = task_life_s
        self._clock = clock

    async def job(self, tenant: str, task: JobTask, reply_to: str) -> Job:
        """Make the job of a task; the pictures that came inside it are stored on return."""
        model = self._check(task)
        images = {
            parameter: await self._place(tenant, value, parameter)
            for parameter, value in task.image_fields().items()
        }
        now = self._clock()
        return Job(
            tenant=tenant,
            task=task.without_images(),
            images=images,
            reply_to=reply_to,
            digest=hashlib.sha256(_ENCODER.encode(task)).digest(),
            lane="interactive" if reply_to else "bulk",
            model=model,
            submitted_at=now,
            deadline_at=now + self._task_life_s,
        )

    def _check(self, task: JobTask) -> str:
        if not isinstance(task, PictureTask):
            return ""
        if task.safety is not UNSET and (task.safety.check_inputs or task.safety.check_content):
            raise ModerationUnavailable(
                "No moderation model is configured here, so safety checks cannot be made; "
                "leave safety out, or ask the operator to configure one.",
                parameter="safety",
            )
        row = self._models.find("" if task.model is UNSET else task.model)
        self._models.path(row)  # a model that is not on this machine is refused before it costs
        return row.name

    async def _place(self, tenant: str, value: str, parameter: str) -> ImageSource:
        form = classify(value, parameter)
        match form:
            case ImageId():
                return StoredImage(key="", image_uuid=form.image_uuid)
            case resolve.RemoteImage():
                return RemoteImage(url=form.url)
            case InlineImage():
                return await self._store_inline(tenant, form, parameter)

    async def _store_inline(self, tenant: str, form: InlineImage, parameter: str) -> StoredImage:
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(
            self._threads, decode_inline, form.text, parameter, self._limit_bytes
        )
        key = input_key(tenant, new_image_uuid())
        await self._store.put(key, data, "application/octet-stream")
        return StoredImage(key=key)
