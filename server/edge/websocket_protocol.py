"""What a WebSocket may do below the application: log in soon, send one message at a time, read."""

import asyncio
import logging
from asyncio.transports import BaseTransport
from collections.abc import Sequence
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from inference.latch import Latch
from server.edge.admission import EXTENSION, SocketPass
from server.edge.budget import Share
from server.edge.config import EdgeConfig
from server.edge.guard import TOGETHER_BYTES, GuardedTransport
from server.edge.inbox import Inbox
from server.edge.message_reader import OPEN, MessageProtocol, text_head
from server.edge.pinging import PingingWebSocket
from server.edge.refusals import TOO_BUSY


class EdgeWebSocket(PingingWebSocket):
    """uvicorn's protocol with limits; overrides private names, see tests/server/edge."""

    conn: MessageProtocol

    def __init__(
        self,
        config: EdgeConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = MessageProtocol(
            self.conn.available_extensions,
            config.edge.login_max_message_bytes,
            logging.getLogger("uvicorn.error"),
            config.edge.allowed_origins,
        )
        self.queue = Inbox()
        writable = Latch()
        writable.set()
        self.writable = writable  # type: ignore[assignment]  # has what is used of an Event
        self.close_timeout = config.edge.linger_s
        self._budget = config.budget
        self._share: Share | None = None
        self._pass = SocketPass(config.room, writable, self)
        self._login_timer: asyncio.TimerHandle | None = None
        self._message_bytes = 0
        self._is_ended_by_us = False

    # The connection

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin behind the HTTP protocol, whose guarded transport this is."""
        if not isinstance(transport, GuardedTransport):
            raise TypeError("EdgeWebSocket needs the transport of EdgeHttp")
        super().connection_made(transport)
        self._share = Share(
            self._budget,
            transport,
            self._limits.budget_wait_s,
            wants_more=lambda: self.conn.reader.wants_more,
            give_up=lambda: self._close(CloseCode.TRY_AGAIN_LATER, "too busy, try again later"),
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back all that this socket held."""
        super().connection_lost(exc)
        self._stop_login_timer()
        self._pass.lost()
        self._pings.end()
        self.transport.forget_timers()
        if self._share is not None:
            self._share.release()

    def handle_connect(self, event: Request) -> None:
        """Give the application its hook."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][EXTENSION] = self._pass  # type: ignore[assignment]

    def logged_in(self) -> None:
        """Lift the limits that hold before login."""
        self._stop_login_timer()
        self.conn.max_message_size = self._limits.max_message_bytes

    def _stop_login_timer(self) -> None:
        if self._login_timer is not None:
            self._login_timer.cancel()
            self._login_timer = None

    # Reading: one message at a time

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, up to the end of one message."""
        if self.transport.is_lingering:
            self.transport.drop(len(data))
            return
        if self.conn.reader.is_awaited:
            self.conn.reader.is_awaited = False
            self.conn.reader.feed_data(data)
            self._parse_next()
        else:
            super().data_received(data)
        self._after_parsing()

    async def receive(self) -> ASGIReceiveEvent:
        """Wait for an event; whoever asks has finished with the message before."""
        if self.handshake_complete and self.queue.empty():
            self._read_next()
        return await super().receive()

    def _read_next(self) -> None:
        if self.disconnected or self.transport.is_closing():
            return
        self._message_bytes = 0
        self._parse_next()  # the next message may have come with the last one
        if not self.conn.reader.is_blocked:
            self.transport.lift("message")
        self._after_parsing()

    def _parse_next(self) -> None:
        """Queue the next message, or begin to parse it, or wait until something of it comes."""
        self._pass_control()
        if self.conn.reader.is_idle or self.conn.is_text_coming:
            self.conn.reader.is_awaited = True
        elif (text := self.conn.take_text()) is not None:
            self._queue_text(text)
            self._pass_control()
        else:
            self.conn.next_message()
            super().data_received(b"")

    def _pass_control(self) -> None:
        """Let pings, pongs and closes pass that come first in what waits to be parsed."""
        if self.conn.reader.is_control_next:
            super().data_received(b"")

    def take_text(self) -> str | None:
        """Give the next message at once, where it has come whole; None: ask `receive` for it."""
        if self._is_ended_by_us or not self.queue.empty():
            return None
        data = self.conn.take_text()
        if data is None:
            return None
        text = self._decode(data)
        if not self.conn.reader.buffer:
            self._after_parsing()
        elif self.conn.reader.is_control_next:
            super().data_received(b"")
        return text

    def _read_on(self) -> None:
        """Read until the client's close frame arrives."""
        self.conn.next_message()
        super().data_received(b"")
        self.transport.lift("message")

    def _after_parsing(self) -> None:
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._end_handshake()  # the library answered, uvicorn does not send that
        if self.conn.reader.is_blocked:
            self.transport.hold("message")
        if self._share is not None:
            self._share.hold(self.conn.held_bytes + self._message_bytes)

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment; even empty ones cost memory."""
        if len(self.frames) >= self._limits.max_fragments:
            self._fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Queue a whole message."""
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
            self._message_bytes = len(data)
        else:
            self._queue_text(data)

    def _queue_text(self, data: bytes) -> None:
        text = self._decode(data)
        if text is not None:
            self.queue.put_nowait({"type": "websocket.receive", "text": text})

    def _decode(self, data: bytes) -> str | None:
        self._message_bytes = len(data)
        try:
            return data.decode()
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA, "text is not UTF-8")
            return None

    # Writing

    async def send(self, message: ASGISendEvent) -> None:
        """Send; a client that we have hung up on is gone, whatever the application says."""
        await self.writable.wait()
        if self._is_ended_by_us:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.accept":
            if not self._pass.is_authenticated:
                wait_s, code = self._limits.login_timeout_s, CloseCode.POLICY_VIOLATION
                self._login_timer = self.loop.call_later(wait_s, self._close, code, "no login")
            self.request.headers.clear()  # 3 KB, kept by the parser for as long as the socket lives
            self.response.headers.clear()
        elif message["type"] == "websocket.close" and self.handshake_complete:
            self._pass.lost()
            self._stop_login_timer()
            self._read_on()
        elif message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True  # else uvicorn logs an error for each refused client

    def send_text(self, parts: Sequence[bytes]) -> int:
        """Send a text message as `send` does, without its copies."""
        if self.close_sent or self.disconnected or self.conn.state is not OPEN:
            raise ClientDisconnected
        size_bytes = sum(map(len, parts))
        if self.conn.extensions:
            self.conn.send_text(b"".join(parts))
            self.transport.write(b"".join(self.conn.data_to_send()))
        elif size_bytes < TOGETHER_BYTES:
            self.transport.write(b"".join((text_head(size_bytes), *parts)))
        else:
            self.transport.writelines((text_head(size_bytes), *parts))
        return size_bytes

    def pause_writing(self) -> None:
        """Start the send deadline."""
        super().pause_writing()
        self.transport.watch_sending()

    def resume_writing(self) -> None:
        """Stop the send deadline."""
        super().resume_writing()
        self.transport.unwatch_sending()
        self.transport.lift("pongs")

    # Ending

    def handle_parser_exception(self) -> None:
        """Tell the client what was wrong with its frame, and see that it can read it."""
        if self._is_ended_by_us or self.conn.close_sent is None:
            return
        close = self.conn.close_sent
        self._end(close.code, close.reason)
        self.transport.linger()

    def shutdown(self) -> None:
        """Close with 1012: clients come back on this code."""
        if not self.handshake_complete:
            self.conn.send_response(self.conn.reject(TOO_BUSY.status, TOO_BUSY.message))
            self._end_handshake()
        elif self.close_sent:
            super().shutdown()
        else:
            self.stop_keepalive()
            self._close(CloseCode.SERVICE_RESTART, "the service restarts")

    def _fail(self, code: CloseCode, reason: str) -> None:
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    def _close(self, code: CloseCode, reason: str) -> None:
        """Start the closing handshake."""
        if self.close_sent or self.transport.is_closing() or not self.handshake_complete:
            return
        self.conn.send_close(code, reason)
        self._end(code, reason)
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        self._read_on()

    def _end_handshake(self) -> None:
        self.handshake_complete = True
        self._end(CloseCode.ABNORMAL_CLOSURE, "")
        self.transport.linger()

    def _end(self, code: int, reason: str) -> None:
        """Write the last word and tell the application."""
        self._is_ended_by_us = True
        self.close_sent = True
        self._pass.lost()
        self._pings.end()
        self._stop_login_timer()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
