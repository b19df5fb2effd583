"""Messages and the streams: what the broker says when one is stored, and when it is read."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from nats.aio.msg import Msg

from protocol.errors import StorageUnavailable

SILENT = "The service's message broker does not answer; try again shortly."
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message."""

    seq: int
    subject: str
    data: bytes
    headers: dict[str, str]
    time: str
    """RFC 3339, by the broker's clock."""


class PubAck(msgspec.Struct, frozen=True):
    """What the broker answers to a message for a stream."""

    seq: int = 0
    duplicate: bool = False
    error: dict[str, Any] = {}


PUB_ACK: Final = msgspec.json.Decoder(PubAck)


def from_direct_get(answer: Msg) -> Message | None:
    """Read the answer to a Direct Get; None where there is no such message."""
    headers = dict(answer.headers or {})
    status = headers.get("Status")
    if status == str(NOT_FOUND):
        return None
    if status is not None or "Nats-Sequence" not in headers:
        raise StorageUnavailable(SILENT, detail=f"direct get: {headers}")
    return Message(
        int(headers["Nats-Sequence"]),
        headers["Nats-Subject"],
        answer.data,
        headers,
        headers["Nats-Time-Stamp"],
    )


def from_api(found: dict[str, Any]) -> Message:
    """Read a message out of an answer of the JetStream API."""
    data = base64.b64decode(found.get("data", ""))
    headers: dict[str, str] = {}
    for line in base64.b64decode(found.get("hdrs", "")).decode().splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name] = value.strip()
    return Message(found["seq"], found["subject"], data, headers, found["time"])


def seconds_of(text: str) -> float:
    """Read a time of the broker, RFC 3339 in nanoseconds, as seconds since the epoch."""
    seconds, point, rest = text.removesuffix("Z").partition(".")
    micro = f"{seconds}.{rest[:6]:0<6}+00:00" if point else f"{seconds}+00:00"
    return datetime.fromisoformat(micro).timestamp()
