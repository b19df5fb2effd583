"""What an HTTP connection may do below the application: so many bytes, in so much time."""

import asyncio
from collections import Counter
from enum import Enum
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from server.edge import refusals
from server.edge.budget import Share
from server.edge.config import EdgeConfig
from server.edge.guard import GuardedTransport
from server.edge.refusals import Refusal


class Phase(Enum):
    """What the client sends next."""

    NOTHING = "the next request"
    HEAD = "the rest of the headers"
    BODY = "the rest of the body"


class Refused(Exception):  # noqa: N818 - ends the parser, is no error of ours
    """Raised in a parser callback: this request is not taken."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class EdgeHttp(HttpToolsProtocol):
    """uvicorn's protocol with limits; overrides private names, see tests/server/edge."""

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
        self._budget = config.budget
        self._peers = config.http_connections
        self._share: Share | None = None
        self._phase = Phase.NOTHING
        self._refusal: Refusal | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._body_bytes = 0
        self._period_bytes = 0
        self._unparsed_bytes = 0

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection if there is room; the first request is due at once."""
        guarded = GuardedTransport(transport, self.loop, self._limits)
        super().connection_made(guarded)
        self._share = Share(
            self._budget,
            guarded,
            self._limits.budget_wait_s,
            wants_more=lambda: self._phase is not Phase.NOTHING,
            give_up=lambda: self._refuse(refusals.TOO_BUSY),
        )
        if len(self._peers) >= self._limits.max_http_connections:
            self._refuse(refusals.TOO_BUSY)
            return
        self._peers.add(self)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back all that this connection held."""
        super().connection_lost(exc)
        self._leave()
        self.transport.forget_timers()

    def _leave(self) -> None:
        self._peers.discard(self)
        self._stop_timer()
        if self._share is not None:
            self._share.release()

    def handle_websocket_upgrade(self) -> None:
        """Hand the socket over: what it held and waited for here ends."""
        self._leave()
        super().handle_websocket_upgrade()

    # Reading

    def data_received(self, data: bytes) -> None:
        """Parse what arrived within the limits."""
        if self.transport.is_lingering:
            self.transport.drop(len(data))
            return
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        if self._phase is Phase.NOTHING and self._timer is None:
            self._start_head_timer()
        self._unparsed_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(self._refusal or refusals.BAD_REQUEST)
        else:
            self._check_unparsed()
            self._hold(len(data))

    def _upgrade(self, rest: bytes) -> None:
        if not self._should_upgrade():
            self.cycle.keep_alive = False  # answered as a plain request, the rest is not HTTP
            return
        self.handle_websocket_upgrade()
        protocol = self.transport.get_protocol()
        if rest and protocol is not self and isinstance(protocol, asyncio.Protocol):
            protocol.data_received(rest)  # uvicorn would lose frames that came with the request

    def _check_unparsed(self) -> None:
        """Refuse a head, a chunk extension or a trailer that does not end."""
        if self._unparsed_bytes <= self._limits.max_header_bytes:
            return
        if self._phase is Phase.HEAD:
            self._refuse(refusals.HEADERS_TOO_LARGE)
        elif self._phase is Phase.BODY:
            self._refuse(refusals.BAD_REQUEST)

    def _hold(self, count: int) -> None:
        if self._share is not None and not self.transport.is_closing():
            self._share.hold(self._share.held_bytes + count)

    # Parser callbacks

    def on_message_begin(self) -> None:
        """Expect a head."""
        super().on_message_begin()
        self._phase = Phase.HEAD
        self._head_bytes = 0
        self._body_bytes = 0
        self._unparsed_bytes = 0  # counts from the next read on: a whole head is counted exactly

    def on_url(self, url: bytes) -> None:
        """Take a part of the request line."""
        super().on_url(url)
        if len(self.url) > self._limits.max_request_line_bytes:
            self._stop_parsing(refusals.LINE_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header or a trailer."""
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._limits.max_header_bytes:
            self._stop_parsing(refusals.HEADERS_TOO_LARGE)
        if self._phase is Phase.HEAD:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the promised length, then start the application."""
        self.transport.awaited_bytes = self._limits.max_body_bytes
        self._check_length()
        super().on_headers_complete()
        self._stop_timer()
        self._phase = Phase.BODY
        self._unparsed_bytes = 0
        self.transport.linger_on_close = True
        self._start_body_timer()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unparsed_bytes = 0
        self._body_bytes += len(body)
        self._period_bytes += len(body)
        self.transport.awaited_bytes = max(0, self._limits.max_body_bytes - self._body_bytes)
        if self._body_bytes > self._limits.max_body_bytes:
            self._stop_parsing(refusals.BODY_TOO_LARGE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect no more until the answer is sent."""
        super().on_message_complete()
        self._stop_timer()
        self._phase = Phase.NOTHING
        self.transport.linger_on_close = False
        self.transport.awaited_bytes = 0

    def _check_length(self) -> None:
        counts = Counter(name for name, _ in self.headers)
        lengths = counts[b"content-length"]
        if lengths > 1 or (lengths and counts[b"transfer-encoding"]):
            self._stop_parsing(refusals.AMBIGUOUS_LENGTH)
        for name, value in self.headers:
            if name == b"content-length" and int(value) > self._limits.max_body_bytes:
                self._stop_parsing(refusals.BODY_TOO_LARGE)

    def _stop_parsing(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise Refused(refusal)

    # Time

    def _start_head_timer(self) -> None:
        self._timer = self.loop.call_later(self._limits.header_timeout_s, self._head_is_late)

    def _head_is_late(self) -> None:
        if self._phase is Phase.NOTHING:
            self.transport.close()  # nothing was asked, nothing is answered
        else:
            self._refuse(refusals.TIMED_OUT)

    def _start_body_timer(self) -> None:
        self._period_bytes = 0
        self._timer = self.loop.call_later(self._limits.body_timeout_s, self._check_body)

    def _check_body(self) -> None:
        enough = self._limits.body_min_bytes_per_s * self._limits.body_timeout_s
        if self.transport.is_held or self._period_bytes >= enough:
            self._start_body_timer()
        else:
            self._refuse(refusals.TIMED_OUT)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Answering

    def on_response_complete(self) -> None:
        """Free the request; a body that is still arriving ends the connection."""
        super().on_response_complete()
        if self._phase is Phase.BODY:
            self.transport.close()
        elif self._share is not None and not self.pipeline:
            self._share.hold(0)

    def pause_writing(self) -> None:
        """Start the send deadline."""
        super().pause_writing()
        self.transport.watch_sending()

    def resume_writing(self) -> None:
        """Stop the send deadline."""
        super().resume_writing()
        self.transport.unwatch_sending()

    def _refuse(self, refusal: Refusal) -> None:
        """Say why, unless an answer is under way already, and close."""
        self._leave()
        if not self._is_answering():
            self.transport.write(refusal.response(self.server_state.default_headers))
        cycle = self._cycle()
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.pipeline.clear()
        self.transport.linger()

    def _is_answering(self) -> bool:
        """Tell whether an answer written now would be taken for another one's."""
        cycle = self._cycle()
        if cycle is None:
            return False
        if self._phase is Phase.BODY:
            return cycle.response_started or bool(self.pipeline)
        return not cycle.response_complete

    def _cycle(self) -> RequestResponseCycle | None:
        return cast("RequestResponseCycle | None", self.cycle)  # None before the first request
