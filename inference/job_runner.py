"""One job from its references to its outcome: resolve, decode, run the pipeline, encode, store."""

from __future__ import annotations

import logging
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import msgspec
from msgspec import UNSET

from inference.coding import Header, PictureLimits, decode, probe
from inference.crew import Crew
from inference.keys import new_image_uuid, result_key, upload_key
from inference.moderation import WHITE, Moderates
from inference.picture import Picture
from inference.pipelines import PIPELINES, Rendered
from inference.rendering import Encoded, encode_rendered
from inference.sandbox import DecodesImages
from inference.steps.compose import flatten
from inference.steps.crop import MAX_PIXELS
from inference.steps.matting import Method
from inference.steps.regions import Region, Regions
from inference.tools import JobTools, Networks
from inference.turns import Turns
from protocol.errors import ContentPolicyViolation, CutwireError, InternalError
from protocol.jobs import ImageSource, Job, Outcome, Product
from protocol.results import BoundingBox, Detection
from protocol.tasks import ImageForegroundCrop, ImageUpload, JobTask, PictureTask

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
    """How pictures are treated: the size of one, of all in work, who decodes them, and matting."""

    pictures: PictureLimits
    budget: Turns
    """Pixels of all pictures in work."""
    decode: DecodesImages = decode
    matting: Method = "fast"


class JobRunner:
    """Turns jobs into outcomes; never raises for what a job does."""

    def __init__(
        self,
        inputs: ReadsInputs,
        store: StoresBlobs,
        networks: Networks,
        crew: Crew,
        bounds: Bounds,
        moderator: Moderates,
    ) -> None:
        self._inputs = inputs
        self._store = store
        self._networks = networks
        self._crew = crew
        self._moderator = moderator
        self._limits = bounds.pictures
        self._budget = bounds.budget
        self._matting = bounds.matting
        self._decode_image = bounds.decode

    async def run(self, job: Job, turn: AbstractAsyncContextManager[None]) -> Outcome:
        """Do the job; whatever happens, return its one outcome."""
        deadline = time.monotonic() + job.time_left_s(time.time())
        tools = JobTools(
            self._networks,
            self._crew.of(job.tenant),
            model=job.model,
            deadline=deadline,
            matting=self._matting,
        )
        # Of two machines' clocks, perhaps: never less than nothing.
        waited_s = max(0.0, time.time() - job.submitted_at)
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
        return msgspec.structs.replace(outcome, stages=tools.stages(waited_s))

    async def _produce(
        self, job: Job, tools: JobTools, turn: AbstractAsyncContextManager[None]
    ) -> Product:
        files = {}
        for parameter in job.task.image_fields():
            reading = self._inputs.read(job.tenant, job.images[parameter], parameter)
            files[parameter] = await tools.timed("input", reading)
        async with turn:
            tools.check_deadline()
            return await self._process(job, tools, files)

    async def _process(self, job: Job, tools: JobTools, files: dict[str, bytes]) -> Product:
        headers = [probe(data, parameter=name, limits=self._limits) for name, data in files.items()]
        async with self._budget.hold(job.tenant, _pixels_in_work(job.task, headers)):
            names = [*files]
            pictures = [
                await tools.timed_cpu("decode", self._decode, files.pop(name), name)
                for name in names
            ]
            flags = [await self._moderate(job.task, pictures[0], tools, names[0])]
            rendered = await PIPELINES[type(job.task)](job.task, *pictures, tools)
            del pictures
            flags.append(await self._moderate(job.task, rendered, tools))
            encoded = await tools.timed_cpu("encode", encode_rendered, job.task, rendered)
            del rendered
        product = await tools.timed("store", self._keep(job, encoded))
        judged = [flag for flag in flags if flag is not None]
        return msgspec.structs.replace(product, is_flagged=any(judged) if judged else None)

    async def _moderate(
        self, task: JobTask, shown: Rendered, tools: JobTools, parameter: str | None = None
    ) -> bool | None:
        """Judge an input, named by its parameter, or a result, where the task asks for it.

        Return whether it would have been refused but for the task's tolerance; None: not judged.
        """
        if not isinstance(task, PictureTask) or task.safety is UNSET:
            return None
        safety = task.safety
        if not (safety.judges_inputs if parameter else safety.judges_result):
            return None
        picture = shown.union() if isinstance(shown, Regions) else shown
        if safety.mode == "fast" and isinstance(picture, Picture):
            picture = await tools.cpu(flatten, picture, WHITE)
        judging = self._moderator.check(picture, parameter, tools)
        try:
            await tools.timed("moderate", judging)
        except ContentPolicyViolation:
            if not safety.tolerance:
                raise
            return True
        return False

    async def _keep(self, job: Job, encoded: Encoded) -> Product:
        """Store a result; the regions' masks come first, so that a result is always whole."""
        detections = []
        for region, png in encoded.masks:
            mask_uuid = new_image_uuid()
            await self._store.put(result_key(job.tenant, mask_uuid), png, "image/png")
            detections.append(_detection(region, mask_uuid))
        product = _describe(job, encoded, detections)
        await self._store.put(product.key, encoded.blob, product.media_type)
        return product

    def _decode(self, data: bytes, parameter: str) -> Picture:
        return self._decode_image(data, parameter=parameter, limits=self._limits)


def _pixels_in_work(task: JobTask, headers: list[Header]) -> int:
    """Count the pixels of all pictures that a job may hold: its inputs, or its padded canvas."""
    pixels = sum(header.width * header.height for header in headers)
    if not isinstance(task, ImageForegroundCrop):
        return pixels
    width, height = headers[0].width + 2 * task.padding, headers[0].height + 2 * task.padding
    return max(pixels, min(width * height, MAX_PIXELS))


def _detection(region: Region, mask_uuid: str) -> Detection:
    box = region.box
    return Detection(
        mask_image_uuid=mask_uuid,
        bounding_box=BoundingBox(x_min=box.left, y_min=box.top, x_max=box.right, y_max=box.bottom),
        confidence=region.confidence,
        area=region.area,
    )


def _describe(job: Job, encoded: Encoded, detections: list[Detection]) -> Product:
    image_uuid = new_image_uuid()
    make_key = upload_key if isinstance(job.task, ImageUpload) else result_key
    return Product(
        image_uuid=image_uuid,
        key=make_key(job.tenant, image_uuid),
        media_type=encoded.media_type,
        width=encoded.width,
        height=encoded.height,
        size_bytes=len(encoded.blob),
        detections=detections,
    )
