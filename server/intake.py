"""Task → job: the model is known, inline pictures lie in the store, the deadline is set."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from inference.coding import PictureLimits, probe
from inference.inputs import resolve
from inference.inputs.resolve import ImageId, InlineImage, classify, decode_inline
from inference.inputs.urls import check_url
from inference.keys import input_key, new_image_uuid
from inference.models import Catalogue, Row
from inference.moderation import moderation_unavailable
from inference.stores import Store
from inference.turns import Turns
from protocol.errors import StorageUnavailable
from protocol.jobs import ImageSource, Job, RemoteImage, StoredImage
from protocol.tasks import JobTask, PictureTask, Task
from server.auth import Caller
from server.weighing import cost_units

LOOK_EVERY_S = 5.0
"""How often to look whether a model's file is still there."""
UUID_CHARS = 36
DECODERS = 2
"""Threads of our own: what arrives neither waits for tasks in work nor holds one up."""

Form = ImageId | resolve.RemoteImage | InlineImage

_ENCODER = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True)
class Admissible:
    """What can be refused at once: by a file's size and header, a URL's text, a wish of safety."""

    pictures: PictureLimits
    allow_private: bool
    is_moderated: bool
    """Whether pictures can be judged as `safety` asks."""
    needs_models: bool = True
    """Whether tasks run here: a model that is not on this machine is refused then."""

    def decode_inline(self, text: str, parameter: str) -> tuple[bytes, int]:
        """Decode base64 into an image file that has a sound header and is within the limits.

        Return the file and its number of pixels.
        """
        data = decode_inline(text, parameter, self.pictures.limit_bytes)
        header = probe(data, parameter=parameter, limits=self.pictures)
        return data, header.width * header.height

    def check_url(self, url: str, parameter: str) -> None:
        """Refuse a URL that can never be fetched, as far as this shows without a look-up."""
        check_url(url, parameter, allow_private=self.allow_private)


class Draft(msgspec.Struct, frozen=True):
    """A task that may become a job, and the forms that its pictures come in."""

    caller: Caller
    task: JobTask
    reply_to: str
    model: str
    forms: dict[str, Form]

    @property
    def is_inline(self) -> bool:
        """Whether it brings a picture that has to be stored."""
        return InlineImage in map(type, self.forms.values())

    @property
    def has_to_wait(self) -> bool:
        """Whether something of it has to be stored or looked up."""
        calls_back = isinstance(self.task, PictureTask) and self.task.has_callbacks
        return calls_back or self.is_inline


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture that came inside a task and lies in the store now."""

    image: StoredImage
    digest: bytes
    """SHA-256 of the file."""
    pixels: int


class Intake:
    """Makes jobs of tasks; what it cannot take it refuses by name."""

    def __init__(
        self,
        store: Store,
        models: Catalogue,
        admissible: Admissible,
        *,
        task_life_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._models = models
        self._threads = ThreadPoolExecutor(DECODERS, thread_name_prefix="intake")
        self._turns = Turns(DECODERS)
        self._admissible = admissible
        self._task_life_s = task_life_s
        self._clock = clock
        self._seen_models: dict[str, float] = {}

    def has_to_wait(self, task: Task) -> bool:
        """Tell whether something of a task may have to be stored or looked up."""
        if not isinstance(task, JobTask):
            return False
        if isinstance(task, PictureTask) and task.has_callbacks:
            return True
        return max(map(len, task.image_fields().values())) > UUID_CHARS

    def draft(self, caller: Caller, task: JobTask, reply_to: str) -> Draft:
        """Check what can be checked without waiting.

        Raises:
            CutwireError: the task cannot be taken.
        """
        model = self._check(task)
        forms = {
            parameter: self._classify(value, parameter)
            for parameter, value in task.image_fields().items()
        }
        return Draft(caller, task, reply_to, model, forms)

    async def store_inline(self, draft: Draft) -> dict[str, Stored]:
        """Store the pictures that came inside a task: wire name → picture."""
        return {
            parameter: await self._store_inline(draft.caller.tenant, form, parameter)
            for parameter, form in draft.forms.items()
            if isinstance(form, InlineImage)
        }

    def job(self, draft: Draft, inline: Mapping[str, Stored]) -> Job:
        """Make the job of a task; the pictures that came inside it have been stored."""
        task = draft.task.without_images()
        digest = hashlib.sha256(_ENCODER.encode(task))
        images: dict[str, ImageSource] = {}
        pixels = 0  # of the task's first picture
        for parameter, form in draft.forms.items():
            match form:
                case ImageId():
                    images[parameter] = StoredImage(key="", image_uuid=form.image_uuid)
                    digest.update(form.image_uuid.encode())
                case resolve.RemoteImage():
                    images[parameter] = RemoteImage(url=form.url)
                    digest.update(form.url.encode())
                case InlineImage():
                    stored = inline[parameter]
                    pixels = pixels if images else stored.pixels
                    images[parameter] = stored.image
                    digest.update(stored.digest)
        now = self._clock()
        return Job(
            tenant=draft.caller.tenant,
            key_id=draft.caller.key_id,
            task=task,
            images=images,
            reply_to=draft.reply_to,
            digest=digest.digest(),
            lane="interactive" if draft.reply_to else "bulk",
            model=draft.model,
            pixels=pixels,
            cost_units=cost_units(task, pixels),
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
        self._check_is_here(row)
        return row.name

    def _check_is_here(self, row: Row) -> None:
        """Refuse a model that is not on this machine, before it costs; looks now and then only."""
        if not self._admissible.needs_models:
            return
        now = self._clock()
        if now - self._seen_models.get(row.name, 0.0) > LOOK_EVERY_S:
            self._models.path(row)
            self._seen_models[row.name] = now

    def _classify(self, value: str, parameter: str) -> Form:
        form = classify(value, parameter)
        if isinstance(form, resolve.RemoteImage):
            self._admissible.check_url(form.url, parameter)
        return form

    async def discard(self, job: Job) -> None:
        """Drop what was stored of a job that was not taken in the end."""
        for source in job.images.values():
            if isinstance(source, StoredImage) and not source.image_uuid:
                with contextlib.suppress(StorageUnavailable):  # then it expires
                    await self._store.delete(source.key)

    async def _store_inline(self, tenant: str, form: InlineImage, parameter: str) -> Stored:
        loop = asyncio.get_running_loop()
        async with self._turns.hold(tenant):
            data, digest, pixels = await loop.run_in_executor(
                self._threads, self._decode_inline, form.text, parameter
            )
        key = input_key(tenant, new_image_uuid())
        await self._store.put(key, data, "application/octet-stream")
        return Stored(StoredImage(key=key), digest, pixels)

    def _decode_inline(self, text: str, parameter: str) -> tuple[bytes, bytes, int]:
        data, pixels = self._admissible.decode_inline(text, parameter)
        return data, hashlib.sha256(data).digest(), pixels
