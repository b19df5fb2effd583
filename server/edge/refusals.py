"""What a client is told that the edge turns away: status, code and a sentence."""

import uuid
from collections.abc import Iterable
from http import HTTPStatus

import msgspec


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One final answer; the connection is closed behind it."""

    status: HTTPStatus
    code: str
    message: str

    def body(self) -> bytes:
        """Build a body in which both dialects find their error: it is not known which is spoken."""
        told = {"code": self.status.value, "message": self.message, "details": self.code}
        body = {
            "errors": [{"code": self.code, "message": self.message}],
            "error": told,
            "request_id": str(uuid.uuid4()),
        }
        return msgspec.json.encode(body)

    def response(self, headers: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
        """Build the whole HTTP response."""
        body = self.body()
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}".encode()]
        lines += [name + b": " + value for name, value in headers]
        lines += [
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            b"connection: close",
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


BAD_REQUEST = Refusal(
    status=HTTPStatus.BAD_REQUEST,
    code="invalidRequest",
    message="This is not a valid HTTP request.",
)
AMBIGUOUS_LENGTH = Refusal(
    status=HTTPStatus.BAD_REQUEST,
    code="invalidRequest",
    message="The length of the body must be given once.",
)
TIMED_OUT = Refusal(
    status=HTTPStatus.REQUEST_TIMEOUT,
    code="requestTimeout",
    message="The request did not arrive in time.",
)
BODY_TOO_LARGE = Refusal(
    status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    code="messageTooLarge",
    message="The body is larger than this service takes.",
)
LINE_TOO_LONG = Refusal(
    status=HTTPStatus.REQUEST_URI_TOO_LONG,
    code="invalidRequest",
    message="The request line is too long.",
)
HEADERS_TOO_LARGE = Refusal(
    status=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    code="invalidRequest",
    message="The headers are too large.",
)
TOO_BUSY = Refusal(
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    code="serviceUnavailable",
    message="Too many connections. Try again later.",
)
