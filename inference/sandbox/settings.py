"""Where are untrusted images decoded, and what may one of them cost?"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from inference.quantities import Count

Kind = Literal["off", "process", "seccomp"]


class DecodingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where images are decoded; the limits hold for `process` and `seccomp`, which need Linux."""

    sandbox: Kind = "off"
    """`off`: on threads of the service. `process`: in processes that can open no file and no
    socket. `seccomp`: these can make no other system calls than memory takes, either."""
    processes: Annotated[int, msgspec.Meta(ge=0, le=512)] = 0
    """Images decoded at once; 0: as many as work.threads."""
    images_per_process: Count = 1_000
    """After so many a process is replaced: what took it over sees no image that comes later."""
    memory_bytes: Annotated[int, msgspec.Meta(ge=64 << 20, le=1 << 60)] = 1 << 30
    """What a process may allocate; an image of 50 megapixels takes 0.5 GiB."""
    cpu_s: Annotated[float, msgspec.Meta(gt=0, le=600)] = 20.0
    """CPU seconds that one image may take."""
    time_s: Annotated[float, msgspec.Meta(gt=0, le=600)] = 60.0
    """Seconds by the clock that one image may take."""
