"""How a WebSocket is parsed one message at a time: the next begins when the application asks."""

import functools
import logging
from collections.abc import Generator, Sequence

from websockets.extensions import ServerExtensionFactory
from websockets.frames import (  # type: ignore[attr-defined]  # in C where that was built
    Frame,
    Opcode,
    apply_mask,
)
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.streams import StreamReader
from websockets.typing import Origin

DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
OPEN = State.OPEN
"""Python 3.11 takes five times as long to find a member of an enumeration as a name."""
CONTROL_BIT = 0x08
MASK_BIT = 0x80
WHOLE_TEXT = 0x81
"""The first byte of a text message in one frame, without extensions."""
SHORTEST = 6
"""Bytes of a client's frame that is empty: its head and its mask."""


@functools.lru_cache(maxsize=1024)
def text_head(size: int) -> bytes:
    """Write the header of a server's text frame, unfragmented (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")


class HeldReader(StreamReader):
    """A reader that hands out no further message while it is held, only pings, pongs and closes.

    `is_between`: it holds the parser between two messages, no frame is begun. `is_awaited`: so it
    does until the next one has come whole, or must be parsed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_held = True
        self.is_between = False
        self.is_awaited = False
        self.passes_control = False

    @property
    def is_blocked(self) -> bool:
        """Tell whether the beginning of the next message waits in the buffer to be asked for."""
        return self.is_between and bool(self.buffer) and not self.is_awaited

    @property
    def wants_more(self) -> bool:
        """Tell whether the rest of a message has to come."""
        return not self.is_held or (self.is_awaited and bool(self.buffer))

    @property
    def is_idle(self) -> bool:
        """Tell whether it stands between two messages, and nothing of the next has come."""
        return self.is_between and self.passes_control and not (self.buffer or self.eof)

    @property
    def is_control_next(self) -> bool:
        """Tell whether a control frame waits in the buffer that may pass."""
        return self.passes_control and bool(self.buffer) and bool(self.buffer[0] & CONTROL_BIT)

    def at_eof(self) -> Generator[None, None, bool]:
        """Wait until the next frame may pass, then tell whether the stream ended."""
        while self.is_held and not self.is_control_next:
            self.is_between = True
            yield
        self.is_between = False
        return (yield from super().at_eof())

    def is_text_coming(self, limit_bytes: int | None) -> bool:
        """Tell whether a message has begun to come that `take_text` will give once it is whole."""
        place = self._place_of_text(limit_bytes)
        return place is not None and len(self.buffer) < place.stop and self.passes_control

    def take_text(self, limit_bytes: int | None) -> bytes | None:
        """Take the next message, unmasked, past the parser; None: it has to go through it.

        That is for a message that lies here whole, in one text frame, as nearly all of them come.
        """
        place, buffer = self._place_of_text(limit_bytes), self.buffer
        if place is None or len(buffer) < place.stop:
            return None
        with memoryview(buffer) as whole, whole[place] as content:  # no copy
            text: bytes = apply_mask(content, buffer[place.start - 4 : place.start])
        del buffer[: place.stop]
        return text

    def _place_of_text(self, limit_bytes: int | None) -> slice | None:
        """Find the content of the next message, if that is one text frame within the limit."""
        buffer = self.buffer
        if not self.is_between or len(buffer) < SHORTEST or buffer[0] != WHOLE_TEXT:
            return None
        size, start = buffer[1] - MASK_BIT, 6
        if size == 126:
            size, start = int.from_bytes(buffer[2:4], "big"), 8
        elif size == 127:
            size, start = int.from_bytes(buffer[2:10], "big"), 14
        if size < 0 or len(buffer) < start or (limit_bytes is not None and size > limit_bytes):
            return None
        return slice(start, start + size)


class MessageProtocol(ServerProtocol):
    """The websockets library's protocol, stopping behind the handshake and behind each message."""

    reader: HeldReader

    def __init__(
        self,
        extensions: Sequence[ServerExtensionFactory] | None,
        max_message_bytes: int,
        logger: logging.Logger,
        origins: Sequence[str] = (),
    ) -> None:
        super().__init__(
            # A browser always says where its page is from; other clients need not.
            origins=[*map(Origin, origins), None] if origins else None,
            extensions=extensions,
            max_size=max_message_bytes,
            logger=logger,
        )
        # The parser has begun with a reader of its own: begin again with ours.
        self.reader = HeldReader()
        self.parser = self.parse()
        next(self.parser)

    def recv_frame(self, frame: Frame) -> None:
        """Process a frame; hold behind the last one of a message."""
        super().recv_frame(frame)
        if frame.fin and frame.opcode in DATA and self.state is OPEN:
            self.reader.is_held = True

    def fail(self, code: int, reason: str = "") -> None:
        """Fail the connection: nothing is held any more."""
        self.reader.is_held = False
        super().fail(code, reason)

    def next_message(self) -> None:
        """Let the next message begin; once the first may, control frames always pass."""
        self.reader.is_held = False
        self.reader.passes_control = True

    def take_text(self) -> bytes | None:
        """Take the next message, if it has come whole and nothing speaks for parsing it."""
        return self.reader.take_text(self.max_message_size) if self._is_plain else None

    @property
    def is_text_coming(self) -> bool:
        """Tell whether a message has begun to come that `take_text` will give once it is whole."""
        return self._is_plain and self.reader.is_text_coming(self.max_message_size)

    @property
    def _is_plain(self) -> bool:
        return not self.extensions and self.state is OPEN

    @property
    def held_bytes(self) -> int:
        """Count the bytes that wait here: not yet parsed, or parts of an unfinished message."""
        return len(self.reader.buffer) + (self.current_size or 0)
