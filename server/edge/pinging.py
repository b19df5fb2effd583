"""How is a client pinged: to keep the connection alive, and to learn what has reached it?"""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

from server.edge.config import EdgeConfig
from server.edge.guard import GuardedTransport
from server.edge.pings import OnPong, Pings


class PingingWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol with pings of our own beside those that keep it alive."""

    transport: GuardedTransport

    def __init__(
        self,
        config: EdgeConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = config.edge
        self._pings = Pings()

    def handle_ping(self) -> None:
        """Answer a ping; who does not read the answers is not read either."""
        super().handle_ping()
        if not self.writable.is_set():
            self.transport.hold("pongs")

    def ping(self, on_pong: OnPong) -> None:
        """Ping the client; `on_pong` is told, unless the connection ends before the pong."""
        if self.close_sent or self.disconnected or not self.handshake_complete:
            return
        self.conn.send_ping(self._pings.expect(on_pong))
        self.transport.write(b"".join(self.conn.data_to_send()))

    def send_keepalive_ping(self) -> None:
        """Ping; its pong answers for the pings before it, too."""
        super().send_keepalive_ping()
        self._pings.pass_over(self.pending_ping_payload)

    def handle_pong(self, event: Frame) -> None:
        """Take a pong, of the keep-alive or of `ping`."""
        super().handle_pong(event)
        self._pings.answered(bytes(event.data))

    def keepalive_timeout(self) -> None:
        """Hang up, unless it is we who do not read: then the pong may be waiting."""
        if self.transport.is_held:
            self.pong_timer = self.loop.call_later(
                self._limits.ping_timeout_s, self.keepalive_timeout
            )
        else:
            super().keepalive_timeout()
