"""The WebSocket of one client: frames in, frames out. A thin shell round a session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from protocol.decoding import Element, Failed, decode_message
from protocol.errors import (
    CutwireError,
    InvalidApiKey,
    MessageError,
    MissingApiKey,
)
from protocol.replies import Reply, login_reply, pong_reply
from protocol.task_errors import code_of
from protocol.tasks import Authentication, Ping, Task
from server.auth import Caller
from server.dispatcher import Recipient
from server.reception import Reception
from server.session import Session

SERVICE_RESTART = 1012
POLICY_VIOLATION = 1008
UNSUPPORTED_DATA = 1003
INTERNAL_ERROR = 1011
NORMAL = 1000
ABNORMAL_CLOSURE = 1006
TOO_BIG = 1009

_log = logging.getLogger(__name__)


class Peer(Protocol):
    """What the edge below the application offers to a connection."""

    def authenticated(self) -> None:
        """Lift the limits that hold before login."""

    async def reached(self) -> bool:
        """Ping the client and wait for its pong: then it has what was sent before.

        False: the connection ended first.
        """


class Closing(Exception):  # noqa: N818 - not an error: the way out of the reading loop
    """The connection is to be closed with this code."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Connection:
    """Serves one socket until it closes."""

    def __init__(
        self, socket: WebSocket, reception: Reception, peer: Peer, *, base_url: str, address: str
    ) -> None:
        self._socket = socket
        self._reception = reception
        self._peer = peer
        self._base_url = base_url
        self._address = address
        self._session: Session | None = None
        self._pump: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._confirming: asyncio.Task[None] | None = None
        self._close_code: int | None = None

    async def serve(self) -> None:
        """Accept the socket and answer what comes, in order, until either side ends it."""
        await self._socket.accept()
        try:
            await self._read()
        except Closing as end:
            await self._close(end.code, end.reason)
        except WebSocketDisconnect as gone:
            self._close_code = gone.code
        finally:
            await self._leave()

    async def close(self, code: int, reason: str) -> None:
        """End the connection from outside: at a drain, or when its session goes elsewhere."""
        await self._close(code, reason)

    async def caught_up(self) -> None:
        """Wait until the client was sent all that it is owed, or has gone."""
        await self._owes_fewer_than(1)

    async def _read(self) -> None:
        async for text in self._frames():
            await self._answer(text)

    async def _frames(self) -> AsyncIterator[str]:
        while True:
            await self._wait_for_room()
            message = await self._receive()
            if message.get("bytes") is not None:
                raise Closing(UNSUPPORTED_DATA, "send text frames")
            yield message["text"]

    async def _receive(self) -> dict[str, str]:
        while True:
            try:
                async with asyncio.timeout(self._reception.limits.idle_s):
                    message = await self._socket.receive()
            except TimeoutError as exc:
                if self._session is None or not self._session.outstanding:
                    raise Closing(NORMAL, "idle") from exc
                continue
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
            return dict(message)

    async def _wait_for_room(self) -> None:
        await self._owes_fewer_than(self._reception.limits.in_flight_per_socket)

    async def _owes_fewer_than(self, count: int) -> None:
        """Wait until fewer results are owed, or nothing can be sent any more."""
        while self._session is not None and self._session.outstanding >= count:
            if self._pump is not None and self._pump.done():
                return
            self._room.clear()
            await self._room.wait()

    async def _answer(self, text: str) -> None:
        try:
            elements = decode_message(text, max_tasks=self._reception.limits.max_tasks)
        except MessageError as error:
            await self._refuse(error, None, None)
            return
        tasks: list[Task] = []
        for element in elements:
            match element:
                case Authentication():
                    await self._log_in(element)
                case Ping():
                    await self._send(pong_reply())
                case Failed():
                    await self._refuse(element.error, element.task_type, element.task_uuid)
                case _ if self._session is None:
                    await self._refuse_stranger(element)
                case _:
                    tasks.append(element)
        await self._submit(tasks)

    async def _submit(self, tasks: Sequence[Task]) -> None:
        session = self._session
        if session is None or not tasks:
            return
        recipient = Recipient(
            session.caller, session.stream, self._base_url, stays=True, owed=session.owed
        )
        for answer in await self._reception.dispatcher.submit_array(recipient, tasks):
            if answer is not None:
                await self._send(answer)

    async def _log_in(self, login: Authentication) -> None:
        try:
            caller = self._reception.keys.identify(login.api_key)
        except InvalidApiKey as error:
            await self._refuse_key(error)
            return
        await self._attach(self._session_for(caller, login))

    def _session_for(self, caller: Caller, login: Authentication) -> Session:
        """Take the session that was asked for; else go on with the one this socket has."""
        wanted, current = login.connection_session_uuid, self._session
        if isinstance(wanted, str):
            return self._reception.sessions.open(caller, wanted)
        if current is not None and current.caller.tenant == caller.tenant:
            return current
        return self._reception.sessions.open(caller, None)

    async def _attach(self, session: Session) -> None:
        if session is not self._session:
            await self._leave()
            previous = session.attach(self)
            if isinstance(previous, Connection):
                await previous.close(POLICY_VIOLATION, "the session was taken up elsewhere")
            self._session = session
        self._peer.authenticated()
        await self._send(login_reply(session.id))
        if self._pump is None:
            self._pump = asyncio.create_task(self._send_results(session))

    async def _send_results(self, session: Session) -> None:
        dispatcher = self._reception.dispatcher
        replies = dispatcher.replies(session.stream, session.confirmed_seq, self._base_url)
        try:
            async with aclosing(replies):
                async for result, reply in replies:
                    is_too_big = session.was_oversized(result.seq)
                    await self._send(
                        dispatcher.oversized(result, self._base_url) if is_too_big else reply
                    )
                    session.sent(result.seq, result.outcome.job.id, size_bytes=len(reply.frame))
                    self._room.set()
                    self._ask_whether_reached()
        except WebSocketDisconnect:
            return  # the reading side sees the end of the socket too, and cleans up
        except Exception:  # noqa: BLE001 - a defect here must end the connection, not leave the client waiting
            _log.exception("sending results failed")
            await self._close(INTERNAL_ERROR, "internal error")
        finally:
            self._room.set()  # who waits for results to leave must not wait for ever

    def _confirm_sent(self, upto: int) -> None:
        if self._session is None:
            return
        last = self._session.confirm(upto)
        if last is not None:
            self._reception.dispatcher.confirm(self._session.stream, last)

    def _ask_whether_reached(self) -> None:
        if self._confirming is None or self._confirming.done():
            self._confirming = asyncio.create_task(self._confirm_by_ping())

    async def _confirm_by_ping(self) -> None:
        while self._session is not None and (upto := self._session.last_sent) is not None:
            if not await self._peer.reached():
                return
            self._confirm_sent(upto)

    async def _refuse(
        self, error: CutwireError, task_type: str | None, task_uuid: str | None
    ) -> None:
        self._reception.metrics.refused.labels(code_of(error)).inc()
        dispatcher = self._reception.dispatcher
        await self._send(dispatcher.refuse(error, self._base_url, task_type, task_uuid))

    async def _refuse_stranger(self, element: Element) -> None:
        error = MissingApiKey(
            'Log in first: send [{"taskType": "authentication", "apiKey": "…"}].',
            parameter="apiKey",
        )
        known = element if isinstance(element, Task) else None
        await self._refuse(
            error, known.task_type if known else None, known.task_uuid if known else None
        )

    async def _refuse_key(self, error: InvalidApiKey) -> None:
        is_guessing = self._reception.wrong_keys.note(self._address)
        if is_guessing:
            await asyncio.sleep(self._reception.limits.wrong_key_delay_s)
        await self._refuse(error, "authentication", None)
        if is_guessing:
            raise Closing(POLICY_VIOLATION, "too many wrong keys")

    async def _send(self, reply: Reply) -> None:
        try:
            await self._socket.send({"type": "websocket.send", "text": reply.frame.decode()})
        except RuntimeError as exc:  # closed from outside while the reply was made
            raise WebSocketDisconnect(ABNORMAL_CLOSURE) from exc

    async def _close(self, code: int, reason: str) -> None:
        try:
            await self._socket.close(code, reason)
        except (RuntimeError, WebSocketDisconnect):
            return  # closed already

    async def _leave(self) -> None:
        """Give the session back, to wait for its client."""
        for task in (self._pump, self._confirming):
            if task is not None:
                task.cancel()
        self._pump = self._confirming = None
        session, self._session = self._session, None
        self._room.set()
        if session is not None and session.connection is self:
            self._reception.sessions.detach(session, was_oversized=self._close_code == TOO_BIG)
