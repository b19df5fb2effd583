"""What all tasks share: field types with their limits, and the base structs."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Annotated, ClassVar, Literal, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from protocol.errors import Constraint, InvalidParameter, UnsupportedParameter
from protocol.names import wire_name

UUID_PATTERN = (
    r"\A[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[47][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}\Z"
)
MAX_TTL_S = 30 * 24 * 3600

TaskUUID = Annotated[str, Meta(pattern=UUID_PATTERN, description="UUID of version 4 or 7")]
Image = Annotated[
    str,
    Meta(description="UUID of an upload or a result, data URI, base64 data, or http(s) URL"),
]
CallbackURL = Annotated[
    str,
    Meta(
        pattern=r"\A[hH][tT][tT][pP][sS]?://[!-~]+\Z",
        max_length=2048,
        description="URL that begins with http:// or https://, at most 2,048 characters long",
    ),
]
ModelName = Annotated[str, Meta(min_length=1, max_length=128)]
Byte = Annotated[int, Meta(ge=0, le=255)]
Threshold = Annotated[int, Meta(ge=1, le=255)]
OutputType = Literal["URL", "base64Data", "dataURI"]
OutputFormat = Annotated[Literal["PNG", "JPG", "WEBP"], Meta(extra={"any_case": True})]
Quality = Annotated[int, Meta(ge=20, le=99)]
Lifetime = Annotated[int, Meta(ge=60, le=MAX_TTL_S)]
Colour = Annotated[
    tuple[Byte, Byte, Byte, Annotated[float, Meta(ge=0, le=255)]],
    Meta(
        description="array [red, green, blue, alpha] of three integers and a number, each from "
        "0 to 255 (an alpha of at most 1 is a fraction)"
    ),
]


class Safety(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """What moderation is asked to look at, how closely, and what then becomes of the task."""

    check_inputs: bool = False
    check_content: bool = False
    tolerance: bool = False
    """Let a refused picture through all the same; `NSFWContent` in the reply tells."""
    mode: Literal["none", "fast", "full"] | UnsetType = UNSET
    """`fast`: pictures as they are seen. `full`, as without: also what their alpha hides."""

    @property
    def judges_inputs(self) -> bool:
        """Whether the input is to be judged."""
        return self.check_inputs

    @property
    def judges_result(self) -> bool:
        """Whether the result is to be judged; it is where `mode` alone asks for moderation."""
        return self.check_content or (self.mode in ("fast", "full") and not self.check_inputs)

    @property
    def is_on(self) -> bool:
        """Whether anything is to be judged."""
        return self.judges_inputs or self.judges_result


class Task(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    tag_field="taskType",
    omit_defaults=True,
):
    """One element of a task array."""

    IGNORED: ClassVar[frozenset[str]] = frozenset(
        {"providerSettings", "routing", "acceleratorOptions"}
    )
    """Wire names that clients of the dialect send and that have no meaning here."""
    GROUPS: ClassVar[dict[str, dict[str, str]]] = {}
    """Wire objects whose members stand for fields of the task: object → member → field."""

    task_uuid: TaskUUID

    @property
    def task_type(self) -> str:
        """The taskType that the client sent."""
        tag: str = self.__struct_config__.tag  # type: ignore[assignment]
        return tag

    @property
    def is_async(self) -> bool:
        """Whether it is acknowledged at once, and its result is fetched or brought later."""
        return False

    @property
    def has_callbacks(self) -> bool:
        """Whether somebody else's server is to be called when it ends."""
        return False

    def check(self, sent: AbstractSet[str]) -> None:
        """Raise what no single field can see; `sent` holds the wire names that the client gave."""


class PictureTask(Task, frozen=True, kw_only=True, rename=wire_name, omit_defaults=True):
    """A task that turns one picture into another."""

    GROUPS: ClassVar[dict[str, dict[str, str]]] = {"inputs": {"image": "inputImage"}}
    DEFAULT_FORMAT: ClassVar[Literal["PNG", "JPG", "WEBP"]] = "PNG"
    MODEL_KIND: ClassVar[Literal["segment", "inpaint"]] = "segment"
    """Which of the catalogue's models `model` chooses from."""

    input_image: Image
    model: ModelName | UnsetType = UNSET
    output_type: OutputType = "URL"
    output_format: OutputFormat = "PNG"
    output_quality: Quality = 95
    include_cost: bool = False
    delivery_method: Literal["sync", "async"] = "sync"
    number_results: int = 1
    webhook_url: CallbackURL | UnsetType = UNSET
    upload_endpoint: CallbackURL | UnsetType = UNSET
    ttl: Lifetime | UnsetType = UNSET
    safety: Safety | UnsetType = UNSET

    @property
    def is_async(self) -> bool:
        """Whether it is acknowledged at once: as asked, or because a webhook brings the result."""
        return self.delivery_method == "async" or self.webhook_url is not UNSET

    @property
    def has_callbacks(self) -> bool:
        """Whether somebody else's server is to be called when it ends."""
        return self.webhook_url is not UNSET or self.upload_endpoint is not UNSET

    @property
    def is_moderated(self) -> bool:
        """Whether its input or its result is to be judged."""
        return self.safety is not UNSET and self.safety.is_on

    def image_fields(self) -> dict[str, str]:
        """Wire name → value of every image that the task brings."""
        return {"inputImage": self.input_image}

    def without_images(self) -> Self:
        """The same task with its image fields emptied: what a job carries."""
        return msgspec.structs.replace(self, input_image="")

    def check(self, sent: AbstractSet[str]) -> None:
        """Refuse more than one result, a life for what gets no URL, and moderation on and off."""
        if self.number_results != 1:
            raise UnsupportedParameter(
                f"numberResults {self.number_results} is not supported; allowed: 1.",
                parameter="numberResults",
                constraint=Constraint(type="integer", default=1, allowed_values=[1]),
            )
        if self.ttl is not UNSET and self.output_type != "URL":
            raise InvalidParameter(
                f"ttl is the life of a URL, but outputType is {self.output_type}; "
                "leave ttl out or ask for outputType URL.",
                parameter="ttl",
            )
        if self.safety is not UNSET and self.safety.is_on and self.safety.mode == "none":
            raise InvalidParameter(
                "safety.mode none judges nothing, but safety asks for a check; leave one out.",
                parameter="safety.mode",
            )
