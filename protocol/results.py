"""What can be answered: one struct for each kind of data element."""

from __future__ import annotations

import msgspec

from protocol.names import wire_name


class LoggedIn(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    tag_field="taskType",
    tag="authentication",
):
    """Login succeeded; the id takes up this session after a drop. Carries no taskUUID."""

    connection_session_uuid: str


class Pong(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    tag_field="taskType",
    tag="ping",
):
    """The answer to a ping."""

    pong: bool = True


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name):
    """An async task was taken; must hold nothing that looks like a result."""

    task_type: str
    task_uuid: str


class StillRunning(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name):
    """A polled task that has not ended."""

    task_type: str
    task_uuid: str
    status: str = "processing"


class ImageResult(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name, omit_defaults=True):
    """A finished picture task; exactly one of URL, base64 data and data URI goes with it."""

    task_type: str
    task_uuid: str
    status: str | None = None
    image_uuid: str
    input_image_uuid: str | None = None
    image_url: str | None = None
    nsfw_content: bool | None = msgspec.field(default=None, name="NSFWContent")
    cost: msgspec.Raw | None = None


class BoundingBox(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name):
    """The smallest box round a region, in pixels; the maxima are not inside."""

    x_min: int
    y_min: int
    x_max: int
    y_max: int


class Detection(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name):
    """A region of a picture; its own mask can be sent as a later task's `maskImage`."""

    mask_image_uuid: str
    bounding_box: BoundingBox
    confidence: float
    area: int
    """Pixels whose mask is 128 or more."""


class MaskResult(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name, omit_defaults=True):
    """A finished imageMasking: white where any region was found, and the regions one by one."""

    task_type: str
    task_uuid: str
    status: str | None = None
    mask_image_uuid: str
    input_image_uuid: str | None = None
    mask_image_url: str | None = None
    detections: list[Detection]
    nsfw_content: bool | None = msgspec.field(default=None, name="NSFWContent")
    cost: msgspec.Raw | None = None


Result = LoggedIn | Pong | Acknowledged | StillRunning | ImageResult | MaskResult
