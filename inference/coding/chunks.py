"""Which chunks of a PNG may reach the decoder: those that make pixels, and orientation.

Texts, times and animation frames are left out, so compressed texts are never inflated, an animated
PNG is its still picture, and a broken chunk that nobody needs spoils nothing. The colour profile is
inflated here, with a limit, because Pillow refuses the file where only the profile is broken.
"""

from __future__ import annotations

import struct
import zlib

_KEPT = {b"tRNS", b"eXIf"}
_LIMIT_KEPT = 20_000  # Pillow spends microseconds a chunk; libpng's usual 8 KiB make 1,500
_LIMIT_PROFILE_BYTES = 4 << 20


def keep_picture(data: bytes) -> tuple[bytes, bytes | None]:
    """Return the PNG without needless chunks, and its colour profile if there is a sound one.

    Raises ValueError for more chunks than any encoder writes.
    """
    parts: list[bytes | memoryview] = [data[:8]]
    profile: bytes | None = None
    view = memoryview(data)
    position = 8
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        critical = not kind[0] & 0x20
        if critical or kind in _KEPT:
            parts.append(view[position:end])
        elif kind == b"iCCP" and profile is None:
            profile = _inflate_profile(data[position + 8 : end - 4])
        if len(parts) > _LIMIT_KEPT:
            raise ValueError("too many chunks")
        position = end
        if kind == b"IEND":
            break
    return b"".join(parts), profile


def _inflate_profile(body: bytes) -> bytes | None:
    _name, _, rest = body.partition(b"\0")
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(rest[1:], _LIMIT_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if inflater.eof else None
