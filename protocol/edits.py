"""The edit endpoints: their requests, the tasks that these stand for, and their replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import msgspec
from msgspec import UNSET, UnsetType

from protocol.constraints import check_value, constraint_of
from protocol.edit_errors import EditError
from protocol.errors import MissingParameter
from protocol.tasks import (
    ImageBackgroundBlur,
    ImageErase,
    ImageForegroundCrop,
    ImageMasking,
    ImageProductCutout,
)
from protocol.tasks.common import CallbackURL, Image, Safety
from protocol.tasks.image_background_blur import BlurScale
from protocol.tasks.image_erase import MaskType
from protocol.tasks.image_foreground_crop import Padding
from protocol.tasks.image_product_cutout import StockKeepingUnit

MAX_MASKS = 20

EditTask = (
    ImageForegroundCrop | ImageProductCutout | ImageBackgroundBlur | ImageErase | ImageMasking
)


class Edit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request to one of the endpoints; members that it does not have are ignored."""

    NAMES: ClassVar[dict[str, str]] = {
        "apiKey": "api_token",
        "taskType": "endpoint",
        "inputImage": "image",
        "maskImage": "mask",
        "maskType": "mask_type",
        "preserveAlpha": "preserve_alpha",
        "forceBackgroundDetection": "force_background_detection",
        "webhookURL": "webhook_url",
    }
    """Name in the task array → what the endpoints call it, where that differs."""

    sync: bool = False
    webhook_url: CallbackURL | UnsetType = UNSET

    @classmethod
    def of(cls, members: Mapping[str, Any]) -> Self:
        """Check the members of a body; null means that a member was not given.

        Raises:
            MissingParameter, InvalidParameter: one of them, by name.
        """
        values: dict[str, Any] = {}
        for field in msgspec.structs.fields(cls):
            value = members.get(field.encode_name)
            if value is not None:
                values[field.name] = check_value(field, value)
            elif field.required:
                raise MissingParameter(
                    f"{field.encode_name} is missing.",
                    parameter=field.encode_name,
                    constraint=constraint_of(field),
                )
        return cls(**values)

    @property
    def is_sync(self) -> bool:
        """Whether the result is awaited on this connection."""
        return self.sync

    def names(self) -> dict[str, str]:
        """What this client calls the task's fields, for errors."""
        return self.NAMES

    def to_task(self, request_id: str) -> EditTask:
        """Say the same as a task."""
        raise NotImplementedError

    def _common(self, request_id: str) -> dict[str, Any]:
        common: dict[str, Any] = {
            "task_uuid": request_id,
            "delivery_method": "sync" if self.is_sync else "async",
        }
        if not self.is_sync:  # a client that waits needs no call
            common["webhook_url"] = self.webhook_url
        return common


class PictureEdit(Edit, frozen=True, kw_only=True, omit_defaults=True):
    """What the endpoints of version 2 share."""

    image: Image
    visual_input_content_moderation: bool = False
    visual_output_content_moderation: bool = False

    def names(self) -> dict[str, str]:
        """Name the moderation switch that was set, too."""
        side = "input" if self.visual_input_content_moderation else "output"
        return {**self.NAMES, "safety": f"visual_{side}_content_moderation"}

    def _common(self, request_id: str) -> dict[str, Any]:
        common = super()._common(request_id) | {"input_image": self.image}
        safety = Safety(
            check_inputs=self.visual_input_content_moderation,
            check_content=self.visual_output_content_moderation,
        )
        return common if safety == Safety() else common | {"safety": safety}


class CropForeground(PictureEdit, frozen=True, kw_only=True, omit_defaults=True):
    """`crop_foreground`: cut out the subject and crop tightly."""

    padding: Padding = 0
    force_background_detection: bool = False
    preserve_alpha: bool = True

    def to_task(self, request_id: str) -> ImageForegroundCrop:
        """Say the same as a task."""
        return ImageForegroundCrop(
            **self._common(request_id),
            padding=self.padding,
            force_background_detection=self.force_background_detection,
            preserve_alpha=self.preserve_alpha,
        )


class BlurBackground(PictureEdit, frozen=True, kw_only=True, omit_defaults=True):
    """`blur_background`: keep the subject, blur what is behind it."""

    scale: BlurScale = 5
    preserve_alpha: bool = True

    def to_task(self, request_id: str) -> ImageBackgroundBlur:
        """Say the same as a task."""
        return ImageBackgroundBlur(
            **self._common(request_id), scale=self.scale, preserve_alpha=self.preserve_alpha
        )


class Erase(PictureEdit, frozen=True, kw_only=True, omit_defaults=True):
    """`erase`: remove what the mask shows."""

    mask: Image
    mask_type: MaskType = "manual"
    preserve_alpha: bool = True

    def to_task(self, request_id: str) -> ImageErase:
        """Say the same as a task."""
        return ImageErase(
            **self._common(request_id),
            mask_image=self.mask,
            mask_type=self.mask_type,
            preserve_alpha=self.preserve_alpha,
        )


class ProductCutout(PictureEdit, frozen=True, kw_only=True, omit_defaults=True):
    """`product/cutout` of version 2."""

    sku: StockKeepingUnit = ""
    force_background_detection: bool = False
    preserve_alpha: bool = True

    def to_task(self, request_id: str) -> ImageProductCutout:
        """Say the same as a task."""
        return ImageProductCutout(
            **self._common(request_id),
            sku=self.sku,
            force_background_detection=self.force_background_detection,
            preserve_alpha=self.preserve_alpha,
        )


class AllMasks(PictureEdit, frozen=True, kw_only=True, omit_defaults=True):
    """`segment/all_masks`: every region as a mask of its own."""

    def to_task(self, request_id: str) -> ImageMasking:
        """Say the same as a task: masks as they are, for nothing is to be painted with them."""
        return ImageMasking(
            **self._common(request_id), max_detections=MAX_MASKS, mask_padding=0, mask_blur=0
        )


class OlderEdit(Edit, frozen=True, kw_only=True, omit_defaults=True):
    """What the endpoints of version 1 share: `image_url` wins over `file`."""

    image_url: Image = ""
    file: Image = ""
    content_moderation: bool = False

    def names(self) -> dict[str, str]:
        """Call the picture by the member that it came in."""
        return {
            **self.NAMES,
            "inputImage": "image_url" if self.image_url else "file",
            "forceBackgroundDetection": "force_rmbg",
            "safety": "content_moderation",
        }

    def _common(self, request_id: str) -> dict[str, Any]:
        image = self.image_url or self.file
        if not image:
            raise MissingParameter(
                "image_url and file are both missing or empty; one of them is needed.",
                parameter="image_url",
            )
        common = super()._common(request_id) | {"input_image": image}
        if self.content_moderation:
            common["safety"] = Safety(check_inputs=True, check_content=True)
        return common


class OlderCutout(OlderEdit, frozen=True, kw_only=True, omit_defaults=True):
    """`product/cutout` of version 1, always answered in place."""

    sku: StockKeepingUnit = ""
    force_rmbg: bool = False
    preserve_alpha: bool = True

    @property
    def is_sync(self) -> bool:
        """Version 1 has no other way."""
        return True

    def to_task(self, request_id: str) -> ImageProductCutout:
        """Say the same as a task."""
        return ImageProductCutout(
            **self._common(request_id),
            sku=self.sku,
            force_background_detection=self.force_rmbg,
            preserve_alpha=self.preserve_alpha,
        )


class MaskGenerator(OlderEdit, frozen=True, kw_only=True, omit_defaults=True):
    """`objects/mask_generator`: every region, in one archive."""

    def to_task(self, request_id: str) -> ImageMasking:
        """Say the same as a task: masks as they are, for nothing is to be painted with them."""
        return ImageMasking(
            **self._common(request_id), max_detections=MAX_MASKS, mask_padding=0, mask_blur=0
        )


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a client that waited."""

    result: dict[str, Any]
    request_id: str


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a client that will ask again."""

    request_id: str
    status_url: str


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request that failed."""

    error: EditError
    request_id: str


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a request has come: what the status service and webhooks say."""

    status: Literal["IN_PROGRESS", "COMPLETED", "ERROR", "UNKNOWN"]
    request_id: str
    result: dict[str, Any] | None = None
    error: EditError | None = None
