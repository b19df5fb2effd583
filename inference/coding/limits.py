"""How large may an image be, in bytes, pixels and side."""

from __future__ import annotations

from typing import Annotated

import msgspec

from inference.quantities import Bytes, Count
from protocol.errors import Constraint, ImageTooLarge


class PictureLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an image may have at most; checked from its header, before anything is decoded."""

    limit_bytes: Bytes = 12_000_000
    """Of an image file, decoded from base64."""
    limit_pixels: Count = 50_000_000
    """Width times height."""
    limit_side: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 16_384
    """Pixels of the longer side."""

    def check_bytes(self, size_bytes: int, *, parameter: str) -> None:
        """Raise ImageTooLarge for a file that is too long."""
        if size_bytes > self.limit_bytes:
            raise ImageTooLarge(
                f"{parameter} has {size_bytes:,} bytes; at most {self.limit_bytes:,} are allowed.",
                parameter=parameter,
                constraint=Constraint(max=self.limit_bytes),
            )

    def check_size(self, width: int, height: int, *, parameter: str) -> None:
        """Raise ImageTooLarge for a picture with a long side or too many pixels."""
        if max(width, height) > self.limit_side:
            raise ImageTooLarge(
                f"{parameter} is {width} x {height} pixels; "
                f"at most {self.limit_side:,} a side are allowed.",
                parameter=parameter,
                constraint=Constraint(max=self.limit_side),
            )
        if width * height > self.limit_pixels:
            raise ImageTooLarge(
                f"{parameter} has {width * height:,} pixels ({width} x {height}); "
                f"at most {self.limit_pixels:,} are allowed.",
                parameter=parameter,
                constraint=Constraint(max=self.limit_pixels),
            )
