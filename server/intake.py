"""Task → job: the model is known, inline pictures lie in the store, the deadline is set."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
from msgspec import UNSET

from inference.coding import PictureLimits, probe
from inference.fair_threads import FairThreads
from inference.inputs.resolve import ImageId, InlineImage, classify, decode_inline
from inference.inputs.urls import check_url
from inference.keys import input_key, new_image_uuid
from inference.models import Catalogue
from inference.moderation import moderation_unavailable
from inference.stores import Disposal, Store
from protocol.jobs import ImageSource, Job, RemoteImage, StoredImage
from protocol.tasks import JobTask, PictureTask
from server.auth import Caller
from server.weighing import cost_units

LOOK_EVERY_S = 5.0
"""How often to look which model a name means, and whether its file is still there."""
NEVER_SEEN = (-math.inf, "")
DECODERS = 2
"""Threads of our own: what arrives neither waits for tasks in work nor holds one up."""


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


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A task that may become a job, and its pictures, by the wire names of their fields."""

    caller: Caller
    task: JobTask
    reply_to: str
    """The stream that its outcome goes to; empty: none."""
    model: str
    images: dict[str, ImageSource]
    """Pictures that lie somewhere already."""
    inline: dict[str, InlineImage]
    """Pictures that it brings, which have to be stored."""
    has_to_wait: bool
    """Whether something of it takes time before it can be a job."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture that came inside a task and lies in the store now."""

    image: StoredImage
    pixels: int


class Intake:
    """Makes jobs of tasks; what it cannot take it refuses by name."""

    def __init__(
        self,
        store: Store,
        disposal: Disposal,
        models: Catalogue,
        admissible: Admissible,
        *,
        task_life_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._disposal = disposal
        self._models = models
        self._threads = FairThreads(DECODERS, "intake")
        self._run, self._numbers = new_image_uuid(), itertools.count()
        self._admissible = admissible
        self._task_life_s = task_life_s
        self._clock = clock
        self._models_seen: dict[tuple[type[PictureTask], str], tuple[float, str]] = {}

    def draft(self, caller: Caller, task: JobTask, reply_to: str) -> Draft:
        """Check what can be checked without waiting.

        Raises:
            CutwireError: the task cannot be taken.
        """
        model = self._check(task) if isinstance(task, PictureTask) else ""
        images: dict[str, ImageSource] = {}
        inline: dict[str, InlineImage] = {}
        for parameter, value in task.image_fields().items():
            form = classify(value, parameter)
            if isinstance(form, ImageId):
                images[parameter] = StoredImage(key="", image_uuid=form.image_uuid)
            elif isinstance(form, InlineImage):
                inline[parameter] = form
            else:
                self._admissible.check_url(form.url, parameter)
                images[parameter] = RemoteImage(url=form.url)
        has_to_wait = bool(inline) or task.has_callbacks
        return Draft(caller, task, reply_to, model, images, inline, has_to_wait)

    async def store_inline(self, draft: Draft) -> dict[str, Stored]:
        """Store the pictures that came inside a task: wire name → picture."""
        return {
            parameter: await self._store_inline(draft.caller.tenant, form, parameter)
            for parameter, form in draft.inline.items()
        }

    def job(self, draft: Draft, inline: Mapping[str, Stored]) -> Job:
        """Make the job of a task; the pictures that came inside it have been stored."""
        images, pixels = draft.images, 0
        if inline:
            images = images | {parameter: stored.image for parameter, stored in inline.items()}
            first = inline.get(next(iter(draft.task.image_fields())))
            pixels = first.pixels if first else 0
        now = self._clock()
        return Job(
            tenant=draft.caller.tenant,
            key_id=draft.caller.key_id,
            task=draft.task.without_images(),
            images=images,
            reply_to=draft.reply_to,
            lane="interactive" if draft.reply_to else "bulk",
            model=draft.model,
            pixels=pixels,
            cost_units=cost_units(draft.task, pixels),
            submitted_at=now,
            deadline_at=now + self._task_life_s,
        )

    def _check(self, task: PictureTask) -> str:
        """Return the name of the model that a task is for, if it needs one."""
        if task.is_moderated and not self._admissible.is_moderated:
            raise moderation_unavailable()
        asked = "" if task.model is UNSET else task.model
        now = self._clock()
        seen_at, name = self._models_seen.get((type(task), asked), NEVER_SEEN)
        if now - seen_at > LOOK_EVERY_S:
            name = self._find_model(task, asked)
            self._models_seen[type(task), asked] = now, name
        return name

    def _find_model(self, task: PictureTask, asked: str) -> str:
        """Name the model meant; one that is not on this machine is refused before it costs."""
        is_fill = task.MODEL_KIND == "inpaint"
        row = self._models.find_fill(asked) if is_fill else self._models.find(asked)
        if row is None:
            return ""
        if self._admissible.needs_models:
            self._models.path(row)
        return row.name

    def discard(self, job: Job) -> None:
        """Drop what was stored of a job that was not taken in the end."""
        self._disposal.drop_inputs(job)

    async def _store_inline(self, tenant: str, form: InlineImage, parameter: str) -> Stored:
        key = input_key(tenant, f"{self._run}-{next(self._numbers)}")
        make = partial(self._admissible.decode_inline, form.text, parameter)
        in_turn = partial(self._threads.run, tenant)
        pixels = await self._store.put_made(key, make, "application/octet-stream", in_turn)
        return Stored(StoredImage(key=key), pixels)
