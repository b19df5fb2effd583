"""Results and errors → bytes; a base64 picture is spliced in as it is, never encoded again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from protocol.errors import CutwireError, RateLimited, Scalar
from protocol.names import wire_name
from protocol.results import LoggedIn, Pong, Result
from protocol.task_errors import code_of

_ENCODER = msgspec.json.Encoder()
_HEADS = {"data": b'{"data":[', "errors": b'{"errors":['}


class TaskError(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name, omit_defaults=True):
    """One element of `errors`."""

    code: str
    message: str
    parameter: str | None = None
    type: str | None = None
    min: int | float | None = None
    max: int | float | None = None
    default: Scalar | list[Scalar] | None = None
    allowed_values: list[Scalar] | None = None
    retry_after: int | None = None
    """Seconds after which the same request may be taken, where it came too soon."""
    status: str | None = None
    documentation: str | None = None
    task_type: str | None = None
    task_uuid: str | None = None


class Reply(msgspec.Struct, frozen=True):
    """One encoded element of `data` or of `errors`."""

    member: Literal["data", "errors"]
    body: bytes
    error: CutwireError | None = None

    @property
    def parts(self) -> tuple[bytes, bytes, bytes]:
        """The element alone in a message: how it goes over a WebSocket, no byte of it copied."""
        return (_HEADS[self.member], self.body, b"]}")

    @property
    def frame(self) -> bytes:
        """The parts as one."""
        return b"".join(self.parts)


def result_reply(result: Result) -> Reply:
    """Encode a result."""
    return Reply("data", _ENCODER.encode(result))


def inline_reply(result: Result, field: str, prefix: bytes, base64_data: bytes) -> Reply:
    """Encode a result with a picture inside: `prefix` and base64 data, under the field's name."""
    head = _ENCODER.encode(result)[:-1]
    return Reply("data", b'%s,"%s":"%s%s"}' % (head, field.encode(), prefix, base64_data))


def with_member(reply: Reply, name: str, value: str) -> Reply:
    """Add a member to an element that is encoded already."""
    member = b',"%s":%s}' % (name.encode(), _ENCODER.encode(value))
    return msgspec.structs.replace(reply, body=reply.body[:-1] + member)


def error_reply(
    error: CutwireError,
    *,
    task_type: str | None = None,
    task_uuid: str | None = None,
    documentation_url: str = "",
    is_polled: bool = False,
) -> Reply:
    """Encode an error of one task, or of a whole message."""
    code = code_of(error)
    allowed = error.constraint
    element = TaskError(
        code=code,
        message=error.message,
        parameter=error.parameter,
        type=allowed.type,
        min=allowed.min,
        max=allowed.max,
        default=allowed.default,
        allowed_values=allowed.allowed_values,
        retry_after=error.whole_seconds if isinstance(error, RateLimited) else None,
        status="error" if is_polled else None,
        documentation=f"{documentation_url}#{code}" if documentation_url else None,
        task_type=task_type,
        task_uuid=task_uuid,
    )
    return Reply("errors", _ENCODER.encode(element), error)


def join_replies(replies: Sequence[Reply]) -> bytes:
    """Put replies into one body, as HTTP answers: `data`, and `errors` where there are any."""
    data = b",".join(reply.body for reply in replies if reply.member == "data")
    errors = b",".join(reply.body for reply in replies if reply.member == "errors")
    return b'{"data":[%s],"errors":[%s]}' % (data, errors) if errors else b'{"data":[%s]}' % data


def pong_reply() -> Reply:
    """Encode the answer to a ping."""
    return result_reply(Pong())


def login_reply(session_uuid: str) -> Reply:
    """Encode the answer to a login."""
    return result_reply(LoggedIn(connection_session_uuid=session_uuid))
