"""What crosses to a worker and back: references to pictures, never their pixels (msgpack)."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from protocol.errors import CutwireError
from protocol.faults import Fault
from protocol.results import Detection
from protocol.tasks import JobTask

Pool = Literal["compute", "fetch"]
"""Jobs that need the machine, and jobs that first wait for somebody else's server."""

JobId = tuple[str, str]
"""(tenant, taskUUID in lower case): unique, and what makes a submission idempotent."""


class StoredImage(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="stored"):
    """An input that lies in the object store under `key`."""

    key: str
    image_uuid: str = ""


class RemoteImage(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="remote"):
    """An input that the worker fetches."""

    url: str


ImageSource = StoredImage | RemoteImage


class Callback(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a webhook needs to know of the request, which is gone when it is sent."""

    base_url: str = ""
    """How the client reached the service; URLs in the webhook begin with it."""
    sealed_key: bytes = b""
    """The key to sign with, readable with the service's secret only; none: the tenant's own."""


class Job(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One admitted task: what to do, for whom, with which pictures, and until when."""

    tenant: str
    task: JobTask
    images: dict[str, ImageSource]
    """Wire name of the image field → where the picture is."""
    reply_to: str
    """The stream that gets the outcome: a session, one request, or none for an async task."""
    lane: Literal["interactive", "bulk"] = "interactive"
    model: str = ""
    dialect: Literal["task", "edit"] = "task"
    """In which language the client asked and is answered; an edit's taskUUID is its request_id."""
    names: dict[str, str] = {}
    """What the client calls the task's fields, where its dialect has names of its own."""
    callback: Callback | None = None
    traceparent: str = ""
    """The client's place in its trace (W3C Trace Context), for the log and for spans."""
    key_id: str = ""
    """Which of the tenant's keys it came with, for the key's budget."""
    pixels: int = 0
    """Of the picture that came inside the task; 0: not known before it is fetched."""
    cost_units: float = 1.0
    """How much of the machine the task takes, for fair queueing; a plain 1 MP cut-out is 1."""
    submitted_at: float
    deadline_at: float
    """Seconds since the epoch, as clocks of two machines must compare them."""

    @property
    def id(self) -> JobId:
        """(tenant, taskUUID)."""
        return self.tenant, self.task.task_uuid.lower()

    @property
    def trace_id(self) -> str:
        """The client's trace, in hex; empty: it sent none."""
        return self.traceparent[3:35]

    @property
    def pool(self) -> Pool:
        """Which workers run it: those that first fetch pictures, or those that compute at once."""
        is_remote = any(isinstance(source, RemoteImage) for source in self.images.values())
        return "fetch" if is_remote else "compute"

    @property
    def is_durable(self) -> bool:
        """Whether the client asked for delivery apart from this connection."""
        return self.task.is_async

    def time_left_s(self, now: float) -> float:
        """How long the task may take from now on, when its work begins.

        Somebody waits for a sync task: its time began when it was sent. Nobody stands in line with
        an async task: its time begins with each try, and neither a long line nor a restart uses it
        up.
        """
        life_s = self.deadline_at - self.submitted_at
        # No more than its life, where a clock was set back meanwhile.
        return life_s if self.is_durable else min(life_s, self.deadline_at - now)


class Product(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A finished picture in the object store."""

    image_uuid: str
    key: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    detections: list[Detection] = []
    """The regions that imageMasking found, surest first."""
    is_flagged: bool | None = None
    """Whether moderation would have refused it, and was told to let it pass; None: not judged."""

    @property
    def masks(self) -> list[Product]:
        """The mask of each detection: 8-bit grey PNGs of this picture's size, white is inside."""
        folder = self.key.removesuffix(self.image_uuid)
        return [
            Product(
                image_uuid=found.mask_image_uuid,
                key=folder + found.mask_image_uuid,
                media_type="image/png",
                width=self.width,
                height=self.height,
                size_bytes=0,
            )
            for found in self.detections
        ]

    @property
    def megapixels(self) -> float:
        """Output megapixels, as prices count them."""
        return self.width * self.height / 1e6


class Stage(NamedTuple):
    """A part of the work on a job; one kind may come several times."""

    name: str
    begun_us: int
    """After `submitted_at`."""
    took_us: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """How a job ended: exactly one of `product` and `fault` is there."""

    job: Job
    product: Product | None = None
    fault: Fault | None = None
    cost: Decimal = Decimal(0)
    """USD, fixed when the job ended: prices that change later do not change it."""
    stages: list[Stage] = []

    @property
    def stages_ms(self) -> dict[str, float]:
        """How long each kind of stage took, in all."""
        total: dict[str, float] = {}
        for stage in self.stages:
            total[stage.name] = round(total.get(stage.name, 0.0) + stage.took_us / 1000, 3)
        return total

    @classmethod
    def failed(cls, job: Job, error: CutwireError) -> Outcome:
        """Describe a job that ended with an error."""
        return cls(job=job, fault=Fault.of(error))
