"""Error class → code in the task array, and HTTP status of a POST that holds only errors."""

from __future__ import annotations

from protocol import errors as e

CODES: dict[type[e.CutwireError], tuple[str, int]] = {
    e.InvalidJSON: ("invalidJSON", 400),
    e.InvalidRequest: ("invalidRequest", 400),
    e.EmptyArray: ("arrayTooSmall", 400),
    e.TooManyTasks: ("tooManyTasks", 400),
    e.MessageTooLarge: ("messageTooLarge", 413),
    e.UnsupportedMediaType: ("invalidRequest", 415),
    e.UnknownPath: ("invalidRequest", 404),
    e.MethodNotAllowed: ("invalidRequest", 405),
    e.MissingParameter: ("missing{Parameter}", 400),
    e.InvalidParameter: ("invalid{Parameter}", 400),
    e.UnsupportedParameter: ("unsupported{Parameter}", 400),
    e.UnknownParameter: ("unknownParameter", 400),
    e.ConflictingTask: ("conflictTaskUUID", 400),
    e.MalformedImage: ("invalid{Parameter}", 400),
    e.UnsupportedImageType: ("invalid{Parameter}", 400),
    e.ImageTooLarge: ("invalid{Parameter}", 400),
    e.ImageNotFound: ("invalid{Parameter}", 400),
    e.ForbiddenAddress: ("invalid{Parameter}", 400),
    e.DownloadFailed: ("downloadFailed", 400),
    e.ContentPolicyViolation: ("contentPolicyViolation", 400),
    e.MissingApiKey: ("missingApiKey", 401),
    e.InvalidApiKey: ("invalidApiKey", 401),
    e.InsufficientPermissions: ("insufficientPermissions", 403),
    e.InsufficientCredits: ("insufficientCredits", 402),
    e.RateLimited: ("rateLimitExceeded", 429),
    e.NoForegroundDetected: ("noForegroundDetected", 400),
    e.MattingFailed: ("processingFailed", 400),
    e.ResultTooLarge: ("resultTooLarge", 400),
    e.TaskNotFound: ("taskNotFound", 404),
    e.TaskCancelled: ("taskCancelled", 400),
    e.TaskTimedOut: ("timeout", 504),
    e.TaskAbandoned: ("processingFailed", 500),
    e.Overloaded: ("serviceUnavailable", 503),
    e.ShuttingDown: ("serviceUnavailable", 503),
    e.StorageUnavailable: ("storageUnavailable", 503),
    e.ModelUnavailable: ("modelUnavailable", 503),
    e.ModerationUnavailable: ("moderationUnavailable", 501),
    e.OutOfMemory: ("outOfMemory", 503),
    e.InferenceFailed: ("inferenceError", 500),
    e.InternalError: ("internalServerError", 500),
}


def code_of(error: e.CutwireError) -> str:
    """Name an error as clients of the task array know it: `invalidInputImage`."""
    template, _ = CODES[type(error)]
    return template.replace("{Parameter}", _capitalised(error.parameter or "parameter"))


def status_of(error: e.CutwireError) -> int:
    """HTTP status of a POST whose first error this is."""
    return CODES[type(error)][1]


def _capitalised(parameter: str) -> str:
    last = parameter.rsplit(".", 1)[-1]
    word = "".join(char for char in last if char.isascii() and char.isalnum())[:48]
    return (word[:1].upper() + word[1:]) or "Parameter"
