"""Error class → HTTP status, code and title at the edit endpoints; the error as their object."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from protocol import errors as e

_INVALID = (422, "The request failed validation.")
_UNAVAILABLE = (503, "The service cannot take this request now.")
_NOT_FETCHED = (460, "The image could not be downloaded.")

ROWS: dict[type[e.CutwireError], tuple[int, str]] = {
    e.InvalidJSON: (400, "The body is not valid JSON."),
    e.InvalidRequest: (400, "The request is malformed."),
    e.EmptyArray: (400, "The request is malformed."),
    e.TooManyTasks: (400, "The request is malformed."),
    e.MessageTooLarge: (413, "The request is too large."),
    e.UnsupportedMediaType: (415, "The body must be JSON."),
    e.UnknownPath: (404, "There is nothing at this path."),
    e.MethodNotAllowed: (405, "This path does not take this method."),
    e.MissingParameter: _INVALID,
    e.InvalidParameter: _INVALID,
    e.UnsupportedParameter: _INVALID,
    e.UnknownParameter: _INVALID,
    e.ConflictingTask: _INVALID,
    e.MalformedImage: (422, "The image cannot be read."),
    e.UnsupportedImageType: (415, "The image is not a JPEG, PNG or WEBP file."),
    e.ImageTooLarge: (413, "The image is too large."),
    e.ImageNotFound: _INVALID,
    e.ForbiddenAddress: _NOT_FETCHED,
    e.DownloadFailed: _NOT_FETCHED,
    e.ContentPolicyViolation: (422, "Content moderation refused the picture."),
    e.MissingApiKey: (401, "The api_token is missing."),
    e.InvalidApiKey: (401, "The api_token is not valid."),
    e.InsufficientPermissions: (403, "The api_token does not allow this."),
    e.InsufficientCredits: (403, "The budget is used up."),
    e.RateLimited: (429, "Too many requests."),
    e.NoForegroundDetected: (422, "No foreground was found in the picture."),
    e.MattingFailed: (422, "The picture cannot be matted."),
    e.ResultTooLarge: (422, "The result would be too large."),
    e.TaskNotFound: (404, "No such request is known."),
    e.TaskCancelled: (500, "The request was dropped before it ran."),
    e.TaskTimedOut: (504, "The request took too long."),
    e.TaskAbandoned: (500, "The picture cannot be processed."),
    e.Overloaded: _UNAVAILABLE,
    e.ShuttingDown: _UNAVAILABLE,
    e.StorageUnavailable: _UNAVAILABLE,
    e.ModelUnavailable: (503, "The model is not available here."),
    e.ModerationUnavailable: (501, "Content moderation is not available here."),
    e.OutOfMemory: _UNAVAILABLE,
    e.InferenceFailed: (500, "The model run failed."),
    e.InternalError: (500, "Something went wrong on our side."),
}


class EditError(msgspec.Struct, frozen=True, kw_only=True):
    """`error` in a reply: `code` repeats the HTTP status, `details` names the field."""

    code: int
    message: str
    details: str


def status_of(error: e.CutwireError) -> int:
    """HTTP status of an error at the edit endpoints."""
    return ROWS[type(error)][0]


def error_object(error: e.CutwireError, names: Mapping[str, str]) -> EditError:
    """Tell an error in the client's words; `names` is what it calls the fields of the task."""
    code, title = ROWS[type(error)]
    details = _renamed(error.message, names)
    parameter = names.get(error.parameter or "", error.parameter or "")
    if parameter and parameter not in details:
        details = f"{parameter}: {details}"
    return EditError(code=code, message=title, details=details)


def _renamed(message: str, names: Mapping[str, str]) -> str:
    if not names:
        return message
    words = "|".join(re.escape(name) for name in names)
    return re.sub(rf"\b({words})\b", lambda found: names[found[0]], message)
