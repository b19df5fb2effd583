"""One job from its references to its outcome: resolve, decode, run the pipeline, encode, store."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import msgspec
from msgspec import UNSET

from inference.coding import PictureLimits, decode, encode, encode_mask, probe
from inference.keys import new_image_uuid, result_key, upload_key
from inference.picture import Picture
from inference.pipelines import PIPELINES
from inference.pixel_budget import PixelBudget
from inference.steps.compose import flatten
from inference.tools import Alpha, JobTools, Networks
from protocol.errors import CutwireError, InternalError
from protocol.jobs import ImageSource, Job, Outcome, Product
from protocol.tasks import ImageUpload, JobTask, PictureTask, RemoveBackground

MEDIA_TYPES = {"PNG": "image/png", "JPG": "image/jpeg", "WEBP": "image/webp"}
WHITE = (255, 255, 255)

_log = logging.getLogger(__name__)


class ReadsInputs(Protocol):
    """Brings the bytes of an input."""

    async def read(self, tenant: str, source: ImageSource, parameter: str) -> bytes:
        """Return the bytes, or raise an ImageError that names the parameter."""


class StoresBlobs(Protocol):
    """The part of a Store that a job needs."""

    async def put(self, key: str, data: bytes, media_type: str) -> None:
        """Store bytes under a key."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large one picture may be, and all pictures in work together."""

    pictures: PictureLimits
    budget: PixelBudget


class JobRunner:
    """Turns jobs into outcomes; never raises for what a job does."""

    def __init__(
        self,
        inputs: ReadsInputs,
        store: StoresBlobs,
        networks: Networks,
        threads: ThreadPoolExecutor,
        bounds: Bounds,
    ) -> None:
        self._inputs = inputs
        self._store = store
        self._networks = networks
        self._threads = threads
        self._limits = bounds.pictures
        self._budget = bounds.budget

    async def run(self, job: Job, turn: AbstractAsyncContextManager[None]) -> Outcome:
        """Do the job; whatever happens, return its one outcome."""
        deadline = time.monotonic() + (job.deadline_at - time.time())
        tools = JobTools(self._networks, self._threads, model=job.model, deadline=deadline)
        try:
            tools.check_deadline()
            product = await self._produce(job, tools, turn)
        except CutwireError as error:
            outcome = Outcome.failed(job, error)
        except Exception as exc:  # noqa: BLE001 - the job's last line: a defect of ours must still be answered
            _log.exception("job failed unexpectedly", extra={"task_uuid": job.task.task_uuid})
            told = InternalError("The task failed unexpectedly.", detail=repr(exc))
            outcome = Outcome.failed(job, told)
        else:
            outcome = Outcome(job=job, product=product)
        return msgspec.structs.replace(outcome, stages_ms=tools.stages_ms)

    async def _produce(
        self, job: Job, tools: JobTools, turn: AbstractAsyncContextManager[None]
    ) -> Product:
        ((parameter, source),) = job.images.items()
        data = await tools.timed("input", self._inputs.read(job.tenant, source, parameter))
        async with turn:
            tools.check_deadline()
            return await self._process(job, tools, data, parameter)

    async def _process(self, job: Job, tools: JobTools, data: bytes, parameter: str) -> Product:
        header = probe(data, parameter=parameter, limits=self._limits)
        async with self._budget.hold(header.width * header.height):
            picture = await tools.timed_cpu("decode", self._decode, data, parameter)
            rendered = await PIPELINES[type(job.task)](job.task, picture, tools)
            del picture
            blob, media_type = await tools.timed_cpu("encode", _encode, job.task, rendered)
        height, width = _shape(rendered)
        product = _describe(job, media_type, width, height, len(blob))
        await tools.timed("store", self._store.put(product.key, blob, media_type))
        return product

    def _decode(self, data: bytes, parameter: str) -> Picture:
        return decode(data, parameter=parameter, limits=self._limits)


def _describe(job: Job, media_type: str, width: int, height: int, size_bytes: int) -> Product:
    image_uuid = new_image_uuid()
    make_key = upload_key if isinstance(job.task, ImageUpload) else result_key
    return Product(
        image_uuid=image_uuid,
        key=make_key(job.tenant, image_uuid),
        media_type=media_type,
        width=width,
        height=height,
        size_bytes=size_bytes,
    )


def _shape(rendered: Picture | Alpha) -> tuple[int, int]:
    if isinstance(rendered, Picture):
        return rendered.height, rendered.width
    return rendered.shape[0], rendered.shape[1]


def _encode(task: JobTask, rendered: Picture | Alpha) -> tuple[bytes, str]:
    wanted = task.output_format if isinstance(task, PictureTask) else "PNG"
    quality = task.output_quality if isinstance(task, PictureTask) else 95
    if not isinstance(rendered, Picture):
        return encode_mask(rendered, format=wanted, quality=quality), MEDIA_TYPES[wanted]
    if wanted == "JPG":
        rendered = flatten(rendered, _ground(task))
    return encode(rendered, format=wanted, quality=quality), MEDIA_TYPES[wanted]


def _ground(task: JobTask) -> tuple[int, int, int]:
    """The colour under a picture whose format has no alpha."""
    if isinstance(task, RemoveBackground) and task.rgba is not UNSET:
        return task.rgba[:3]
    return WHITE
