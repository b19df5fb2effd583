# ruff: noqa: N818 - the classes are named for what happened, as the codes on the wire are
"""What can go wrong: one hierarchy, without wire codes; `task_errors` maps them.

CutwireError
├── MessageError                  a frame or body as a whole; nothing of it runs
│   ├── InvalidJSON
│   ├── InvalidRequest            not an array, or an element that is not an object
│   ├── EmptyArray
│   ├── TooManyTasks
│   ├── MessageTooLarge
│   ├── UnsupportedMediaType      an HTTP body that does not say it is JSON
│   ├── UnknownPath
│   └── MethodNotAllowed
├── ParameterError                one field of one task; `parameter` names it
│   ├── MissingParameter
│   ├── InvalidParameter          wrong type, range or form
│   ├── UnsupportedParameter      well formed, but not offered: a task type, a model
│   ├── UnknownParameter
│   ├── ConflictingTask           its taskUUID was used before
│   └── ImageError                `parameter` names the image field
│       ├── MalformedImage        no known form, or bytes that do not decode
│       ├── UnsupportedImageType  readable perhaps, but not PNG, JPEG or WEBP
│       ├── ImageTooLarge         over the limit in bytes, pixels or side
│       ├── ImageNotFound         an image UUID that this tenant does not have
│       ├── ForbiddenAddress      a URL whose form, scheme or address is not allowed
│       ├── DownloadFailed        a URL that was tried and failed
│       └── ContentPolicyViolation
├── AccessError                   who asks
│   ├── MissingApiKey
│   ├── InvalidApiKey
│   ├── InsufficientPermissions
│   ├── InsufficientCredits
│   └── RateLimited               over a quota of this key
├── TaskError                     the task itself cannot end well
│   ├── NoForegroundDetected
│   ├── MattingFailed             a trimap without foreground or background
│   ├── ResultTooLarge
│   ├── TaskNotFound
│   ├── TaskCancelled
│   ├── TaskTimedOut
│   └── TaskAbandoned             the process ended each time that it worked on this task
└── ServiceError                  ours to mend; the same request may work later
    ├── Overloaded
    ├── ShuttingDown
    ├── StorageUnavailable
    ├── ModelUnavailable          known, but not on this machine, or it does not load
    ├── ModerationUnavailable
    ├── OutOfMemory
    ├── InferenceFailed
    └── InternalError
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from protocol.names import wire_name

Scalar = str | int | float | bool


class Constraint(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name, omit_defaults=True):
    """What a parameter allows, as the error object tells it: JSON type, range, default, choices."""

    type: str | None = None
    min: int | float | None = None
    max: int | float | None = None
    default: Scalar | list[Scalar] | None = None
    allowed_values: list[Scalar] | None = None


ANYTHING = Constraint()


class CutwireError(Exception):
    """The root. `message` is for the client, `detail` for the log only."""

    def __init__(
        self,
        message: str,
        *,
        parameter: str | None = None,
        constraint: Constraint = ANYTHING,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.parameter = parameter
        self.constraint = constraint
        self.detail = detail

    @classmethod
    def family(cls) -> Iterator[type[CutwireError]]:
        """Yield this class and every class below it."""
        yield cls
        for child in cls.__subclasses__():
            yield from child.family()


class MessageError(CutwireError):
    """A frame or body as a whole cannot be taken."""


class InvalidJSON(MessageError):
    """The text is not JSON."""


class InvalidRequest(MessageError):
    """The JSON is not an array of objects."""


class EmptyArray(MessageError):
    """The array holds no task."""


class TooManyTasks(MessageError):
    """The array holds more tasks than the limit."""


class MessageTooLarge(MessageError):
    """The message has more bytes than the limit."""


class UnsupportedMediaType(MessageError):
    """The HTTP body does not say that it is JSON."""


class UnknownPath(MessageError):
    """There is nothing at this path."""


class MethodNotAllowed(MessageError):
    """The path does not take this HTTP method."""


class ParameterError(CutwireError):
    """One parameter of one task is wrong."""


class MissingParameter(ParameterError):
    """A required parameter is absent."""


class InvalidParameter(ParameterError):
    """A parameter has the wrong type, range or form."""


class UnsupportedParameter(ParameterError):
    """A parameter is well formed, but its value is not offered."""


class UnknownParameter(ParameterError):
    """The task type has no such parameter."""


class ConflictingTask(ParameterError):
    """The taskUUID was used before."""


class ImageError(ParameterError):
    """An image parameter does not lead to a usable picture."""


class MalformedImage(ImageError):
    """The value is no known input form, or its bytes do not decode."""


class UnsupportedImageType(ImageError):
    """The bytes are not PNG, JPEG or WEBP."""


class ImageTooLarge(ImageError):
    """The image is over the limit in bytes, pixels or side."""


class ImageNotFound(ImageError):
    """No image of this tenant has that UUID."""


class ForbiddenAddress(ImageError):
    """The URL's form, scheme or address is not allowed."""


class DownloadFailed(ImageError):
    """The URL was tried and failed."""


class ContentPolicyViolation(ImageError):
    """Moderation refused the picture."""


class AccessError(CutwireError):
    """The caller may not do this."""


class MissingApiKey(AccessError):
    """Nobody logged in."""


class InvalidApiKey(AccessError):
    """The key is not known."""


class InsufficientPermissions(AccessError):
    """The key does not allow this task type."""


class InsufficientCredits(AccessError):
    """The key's budget is used up."""


class RateLimited(AccessError):
    """The key is over its quota; over HTTP, Retry-After says when to come back."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0, detail: str = "") -> None:
        super().__init__(message, detail=detail)
        self.retry_after_s = retry_after_s

    @property
    def whole_seconds(self) -> int:
        """Round `retry_after_s` up, as Retry-After needs it; at least 1."""
        return max(1, math.ceil(self.retry_after_s))


class TaskError(CutwireError):
    """The task ran and cannot end well."""


class NoForegroundDetected(TaskError):
    """The mask is empty."""


class MattingFailed(TaskError):
    """Alpha matting has no solution for this picture and these settings."""


class ResultTooLarge(TaskError):
    """The reply would be larger than the client can take."""


class TaskNotFound(TaskError):
    """No task of this tenant has that UUID."""


class TaskCancelled(TaskError):
    """The task was dropped before it ran."""


class TaskTimedOut(TaskError):
    """The task's deadline passed."""


class TaskAbandoned(TaskError):
    """The process that worked on the task ended, so often that it is not tried again."""


class ServiceError(CutwireError):
    """The fault is ours; the same request may work later."""


class Overloaded(ServiceError):
    """A queue is full."""


class ShuttingDown(ServiceError):
    """The service takes no new work."""


class StorageUnavailable(ServiceError):
    """The object store or the journal cannot be written or read."""


class ModelUnavailable(ServiceError):
    """The model is known, but not on this machine, or it does not load."""


class ModerationUnavailable(ServiceError):
    """Moderation was asked for and none is configured."""


class OutOfMemory(ServiceError):
    """The model ran out of memory on this picture."""


class InferenceFailed(ServiceError):
    """The model run failed."""


class InternalError(ServiceError):
    """Something we did not foresee; the log has the rest."""
