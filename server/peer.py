"""What does the edge below the application offer to a connection?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from inference.latch import Latch


class Peer(Protocol):
    """One client's WebSocket."""

    def authenticated(self) -> None:
        """Lift the limits that hold before login."""

    @property
    def writable(self) -> Latch:
        """Set while the client takes what it is sent."""

    def take_text(self) -> str | None:
        """Give the next message at once, where it has come whole; None: it is not there yet."""

    def send(self, parts: Sequence[bytes]) -> int:
        """Send a text message, given in parts, and tell its size in bytes.

        Raises:
            OSError: the client has gone.
        """

    def ping(self, on_pong: Callable[[], None]) -> None:
        """Ping the client; once it answers, it has what was sent before. Or it never does."""
