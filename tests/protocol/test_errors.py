"""Errors: one row for each class, codes that clients know, faults that travel."""

from __future__ import annotations

import re

import msgspec
import pytest
from wire import check_error

from protocol import errors
from protocol.errors import Constraint, CutwireError, RateLimited
from protocol.faults import Fault
from protocol.replies import error_reply
from protocol.task_errors import CODES, code_of, status_of

ALL = list(CutwireError.family())
RAISED = [kind for kind in ALL if not kind.__subclasses__()]
GROUPS = [kind for kind in ALL if kind.__subclasses__()]
DOCUMENTED = re.compile(r"^[│├└─ ]*([A-Z][A-Za-z]+)", re.MULTILINE)

# The codes that contracts/task-api.md names.
CONTRACT = {
    "invalidJSON", "invalidRequest", "arrayTooSmall", "conflictTaskUUID", "downloadFailed",
    "rateLimitExceeded", "inferenceError", "internalServerError", "taskNotFound", "invalidApiKey",
    "missingApiKey", "insufficientCredits", "insufficientPermissions", "contentPolicyViolation",
    "serviceUnavailable", "timeout", "resultTooLarge", "taskCancelled", "modelUnavailable",
    "unknownParameter", "processingFailed",
}  # fmt: skip


def one(kind: type[CutwireError]) -> CutwireError:
    """An error of that class with all that it can have."""
    if kind is RateLimited:
        return RateLimited("Told.", detail="logged")
    constraint = Constraint(type="integer", min=1, max=9, default=5, allowed_values=[1, "x"])
    return kind("Told.", parameter="outputQuality", constraint=constraint, detail="logged")


@pytest.mark.parametrize("kind", RAISED)
def test_every_error_that_is_raised_has_a_row(kind: type[CutwireError]) -> None:
    assert kind in CODES


def test_table_has_no_row_for_a_group() -> None:
    assert not set(CODES) & set(GROUPS)


def test_docstring_draws_the_whole_tree() -> None:
    drawing = (errors.__doc__ or "").partition("\n\n")[2]
    assert DOCUMENTED.findall(drawing) == [kind.__name__ for kind in ALL]


def test_class_names_are_unique() -> None:
    names = [kind.__name__ for kind in ALL]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", RAISED)
def test_every_error_makes_a_well_formed_object(kind: type[CutwireError]) -> None:
    check_error(msgspec.json.decode(error_reply(one(kind)).body))


@pytest.mark.parametrize("kind", RAISED)
def test_every_error_without_a_parameter_has_a_code_too(kind: type[CutwireError]) -> None:
    check_error(msgspec.json.decode(error_reply(kind("Told.")).body))


@pytest.mark.parametrize("kind", RAISED)
def test_every_error_has_a_status_of_an_error(kind: type[CutwireError]) -> None:
    assert 400 <= status_of(one(kind)) <= 599


@pytest.mark.parametrize("kind", [k for k in RAISED if issubclass(k, errors.ServiceError)])
def test_our_own_faults_have_a_status_that_says_so(kind: type[CutwireError]) -> None:
    assert status_of(one(kind)) >= 500


@pytest.mark.parametrize("code", sorted(CONTRACT))
def test_code_of_the_contract_is_used(code: str) -> None:
    assert code in {code for code, _ in CODES.values()}


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        ("inputImage", "invalidInputImage"),
        ("taskUUID", "invalidTaskUUID"),
        ("safety.checkInputs", "invalidCheckInputs"),
        ("rgba", "invalidRgba"),
        ("", "invalidParameter"),
        (None, "invalidParameter"),
        ("é", "invalidParameter"),
        ("a b\x00c", "invalidAbc"),
        ("x.", "invalidParameter"),
        ("k" * 500, "invalidK" + "k" * 47),
    ],
)
def test_code_is_made_of_the_parameters_name(parameter: str | None, code: str) -> None:
    assert code_of(errors.InvalidParameter("Told.", parameter=parameter)) == code


@pytest.mark.parametrize("kind", RAISED)
def test_error_is_the_same_after_a_journey_as_a_fault(kind: type[CutwireError]) -> None:
    sent = one(kind)
    data = msgspec.msgpack.encode(Fault.of(sent))
    came = msgspec.msgpack.decode(data, type=Fault).error()
    assert type(came) is kind
    assert Fault.of(came) == Fault.of(sent)


def test_unknown_kind_of_fault_is_an_internal_error() -> None:
    error = Fault(kind="FromTheFuture", message="Told.").error()
    assert type(error) is errors.InternalError
    assert error.message == "Told."


def test_detail_is_for_the_log_only() -> None:
    reply = error_reply(errors.InternalError("Told.", detail="/secret/path"))
    assert b"secret" not in reply.body


def test_message_is_what_the_exception_prints() -> None:
    assert str(errors.InternalError("Told.")) == "Told."
