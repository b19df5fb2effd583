"""The edit endpoints' errors: a row for each class, the contract's statuses, the client's words."""

from __future__ import annotations

import msgspec
import pytest

from protocol import errors
from protocol.edit_errors import ROWS, error_object, status_of
from protocol.errors import CutwireError, RateLimited

ALL = list(CutwireError.family())
RAISED = [kind for kind in ALL if not kind.__subclasses__()]
NAMES = {"inputImage": "image", "maskImage": "mask"}

# The statuses that the contract names, with what they are for.
CONTRACT = {
    errors.InvalidJSON: 400,
    errors.MissingApiKey: 401,
    errors.InvalidApiKey: 401,
    errors.InsufficientPermissions: 403,
    errors.InsufficientCredits: 403,
    errors.TaskNotFound: 404,
    errors.UnknownPath: 404,
    errors.MessageTooLarge: 413,
    errors.ImageTooLarge: 413,
    errors.UnsupportedImageType: 415,
    errors.UnsupportedMediaType: 415,
    errors.InvalidParameter: 422,
    errors.MissingParameter: 422,
    errors.MalformedImage: 422,
    errors.ContentPolicyViolation: 422,
    errors.NoForegroundDetected: 422,
    errors.RateLimited: 429,
    errors.DownloadFailed: 460,
    errors.ForbiddenAddress: 460,
    errors.InternalError: 500,
    errors.ModerationUnavailable: 501,
    errors.Overloaded: 503,
    errors.TaskTimedOut: 504,
}


def one(kind: type[CutwireError]) -> CutwireError:
    if kind is RateLimited:
        return RateLimited("Told.", detail="logged")
    return kind("Told.", detail="logged")


@pytest.mark.parametrize("kind", RAISED)
def test_every_error_that_is_raised_has_a_row(kind: type[CutwireError]) -> None:
    assert kind in ROWS


def test_table_has_no_row_for_a_group() -> None:
    assert not set(ROWS) - set(RAISED)


@pytest.mark.parametrize(("kind", "status"), CONTRACT.items())
def test_status_is_that_of_the_contract(kind: type[CutwireError], status: int) -> None:
    assert status_of(one(kind)) == status


@pytest.mark.parametrize("kind", [k for k in RAISED if issubclass(k, errors.ServiceError)])
def test_our_own_faults_have_a_status_that_says_so(kind: type[CutwireError]) -> None:
    assert status_of(one(kind)) >= 500


@pytest.mark.parametrize("kind", RAISED)
def test_code_repeats_the_status(kind: type[CutwireError]) -> None:
    error = one(kind)
    assert error_object(error, {}).code == status_of(error)


@pytest.mark.parametrize("kind", RAISED)
def test_message_says_something(kind: type[CutwireError]) -> None:
    assert error_object(one(kind), {}).message.endswith(".")


def test_details_are_the_errors_own_words() -> None:
    error = errors.InvalidParameter("scale must be 1 to 5.", parameter="scale")
    assert error_object(error, NAMES).details == "scale must be 1 to 5."


def test_details_call_the_field_what_the_client_calls_it() -> None:
    error = errors.MalformedImage("'inputImage' is empty.", parameter="inputImage")
    assert error_object(error, NAMES).details == "'image' is empty."


def test_details_name_both_images_where_both_are_told() -> None:
    error = errors.InvalidParameter("maskImage does not fit inputImage.", parameter="maskImage")
    assert error_object(error, NAMES).details == "mask does not fit image."


def test_details_name_the_field_where_the_words_do_not() -> None:
    error = errors.ContentPolicyViolation("Not allowed.", parameter="inputImage")
    assert error_object(error, NAMES).details == "image: Not allowed."


def test_part_of_a_word_is_left_alone() -> None:
    error = errors.TaskNotFound("inputImages and myinputImage.")
    assert error_object(error, NAMES).details == "inputImages and myinputImage."


def test_detail_is_for_the_log_only() -> None:
    error = errors.InternalError("Told.", detail="/secret/path")
    assert b"secret" not in msgspec.json.encode(error_object(error, NAMES))
