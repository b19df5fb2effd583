"""What the service and a decoding process say to each other: an order, and its answer."""

from __future__ import annotations

import msgspec

from inference.coding import PictureLimits
from protocol.faults import Fault

MAX_MESSAGE_BYTES = 8192
READY = b"ready"


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is told when it starts, on its command line."""

    memory_descriptor: int
    limits: PictureLimits
    memory_bytes: int
    cpu_s: float
    images: int
    is_filtered: bool


class Order(msgspec.Struct, frozen=True):
    """Decode the file that lies in the shared memory."""

    parameter: str
    file_bytes: int


class Decoded(msgspec.Struct, frozen=True, tag=True):
    """The pixels lie in the shared memory."""

    width: int
    height: int
    has_alpha: bool


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The image does not decode."""

    fault: Fault


Answer = Decoded | Failed
