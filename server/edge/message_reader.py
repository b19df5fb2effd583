"""How a WebSocket is parsed one message at a time: the next begins when the application asks."""

import logging
from collections.abc import Generator, Sequence

from websockets.extensions import ServerExtensionFactory
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


CONTROL_BIT = 0x08


class HeldReader(StreamReader):
    """A reader that hands out no further message while it is held, only pings, pongs and closes.

    `is_blocked`: the beginning of the next message waits in the buffer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_held = True
        self.is_blocked = False
        self.passes_control = False

    def at_eof(self) -> Generator[None, None, bool]:
        """Wait until the next frame may pass, then tell whether the stream ended."""
        while self.is_held and not self._is_control_next():
            self.is_blocked = bool(self.buffer)
            yield
        self.is_blocked = False
        return (yield from super().at_eof())

    def _is_control_next(self) -> bool:
        return self.passes_control and bool(self.buffer) and bool(self.buffer[0] & CONTROL_BIT)


class MessageProtocol(ServerProtocol):
    """The websockets library's protocol, stopping behind the handshake and behind each message."""

    reader: HeldReader

    def __init__(
        self,
        extensions: Sequence[ServerExtensionFactory] | None,
        max_message_bytes: int,
        logger: logging.Logger,
    ) -> None:
        super().__init__(extensions=extensions, max_size=max_message_bytes, logger=logger)
        # The parser has begun with a reader of its own: begin again with ours.
        self.reader = HeldReader()
        self.parser = self.parse()
        next(self.parser)

    def recv_frame(self, frame: Frame) -> None:
        """Process a frame; hold behind the last one of a message."""
        super().recv_frame(frame)
        if frame.fin and frame.opcode in DATA and self.state is State.OPEN:
            self.reader.is_held = True

    def fail(self, code: int, reason: str = "") -> None:
        """Fail the connection: nothing is held any more."""
        self.reader.is_held = False
        super().fail(code, reason)

    def next_message(self) -> None:
        """Let the next message begin; once the first may, control frames always pass."""
        self.reader.is_held = False
        self.reader.passes_control = True

    @property
    def held_bytes(self) -> int:
        """Count the bytes that wait here: not yet parsed, or parts of an unfinished message."""
        return len(self.reader.buffer) + (self.current_size or 0)
