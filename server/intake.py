"""Task → job: the model is known, inline pictures lie in the store, the deadline is set."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from inference.coding import PictureLimits, probe
from inference.inputs import resolve
from inference.inputs.resolve import ImageId, InlineImage, classify, decode_inline
from inference.inputs.urls import check_url
from inference.keys import input_key, new_image_uuid
from inference.models import Catalogue
from inference.moderation import moderation_unavailable
from inference.stores import Store
from protocol.jobs import ImageSource, Job, RemoteImage, StoredImage
from protocol.tasks import JobTask, PictureTask

_ENCODER = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True)
class Admissible:
    """What can be refused at once: by a file's size and header, a URL's text, a wish of safety."""

    pictures: PictureLimits
    allow_private: bool
    is_moderated: bool
    """Whether pictures can be judged as `safety` asks."""

    def decode_inline(self, text: str, parameter: str) -> bytes:
        """Decode base64 into an image file that has a sound header and is within the limits."""
        data = decode_inline(text, parameter, self.pictures.limit_bytes)
        probe(data, parameter=parameter, limits=self.pictures)
        return data

    def check_url(self, url: str, parameter: str) -> None:
        """Refuse a URL that can never be fetched, as far as this shows without a look-up."""
        check_url(url, parameter, allow_private=self.allow_private)


class Intake:
    """Makes jobs of tasks; what it cannot take it refuses by name."""

    def __init__(
        self,
        store: Store,
        models: Catalogue,
        threads: ThreadPoolExecutor,
        admissible: Admissible,
        *,
        task_life_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._models = models
        self._threads = threads
        self._admissible = admissible
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
        if task.is_moderated and not self._admissible.is_moderated:
            raise moderation_unavailable()
        name = "" if task.model is UNSET else task.model
        is_fill = task.MODEL_KIND == "inpaint"
        row = self._models.find_fill(name) if is_fill else self._models.find(name)
        if row is None:
            return ""
        self._models.path(row)  # a model that is not on this machine is refused before it costs
        return row.name

    async def _place(self, tenant: str, value: str, parameter: str) -> ImageSource:
        form = classify(value, parameter)
        match form:
            case ImageId():
                return StoredImage(key="", image_uuid=form.image_uuid)
            case resolve.RemoteImage():
                self._admissible.check_url(form.url, parameter)
                return RemoteImage(url=form.url)
            case InlineImage():
                return await self._store_inline(tenant, form, parameter)

    async def _store_inline(self, tenant: str, form: InlineImage, parameter: str) -> StoredImage:
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(
            self._threads, self._admissible.decode_inline, form.text, parameter
        )
        key = input_key(tenant, new_image_uuid())
        await self._store.put(key, data, "application/octet-stream")
        return StoredImage(key=key)
